//! Small circuit with the wrapper's configuration and instances, and real proofs of it by our prover.
#![allow(dead_code, unreachable_pub, reason = "each crate that includes it uses a part of it")]

use alloy_primitives::{B256, U256};
use halo2_base::gates::{
    RangeInstructions,
    circuit::{CircuitBuilderStage, builder::BaseCircuitBuilder},
};
use halo2_proofs::poly::{commitment::ParamsProver, kzg::commitment::ParamsKZG};
use halo2curves::{
    bn256::{Bn256, Fq, Fr, G1Affine},
    ff::PrimeField,
    group::Curve,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use snark_verifier_sdk::{
    SHPLONK,
    evm::gen_evm_verifier_sol_code,
    halo2::aggregation::AggregationCircuit,
    snark_verifier::{
        loader::native::NativeLoader,
        system::halo2::transcript::evm::{ChallengeEvm, EvmTranscript},
    },
};
use zeno_halo2::{MemorySrs, ProvingKey, keygen, prove, synthesize};
use zeno_verifier::{ChainClaim, EvmVerifyingKey, PROOF_SYSTEM, ProofFile, ProofKind};

/// Logarithm of the circuit's count of rows, 2^K.
pub const K: u32 = 11;
const LOOKUP_BITS: usize = 8;
/// Bits of a limb of the accumulator.
const LIMB_BITS: usize = 88;

/// Commitment to the guest of these tests.
pub const APP_EXE: B256 = B256::with_last_byte(7);
/// Commitment to the virtual machine of these tests.
pub const APP_VM: B256 = B256::with_last_byte(9);

/// Keys of the circuit under one SRS.
pub struct Wrapper {
    params: ParamsKZG<Bn256>,
    proving: ProvingKey,
    /// Verifying key of the circuit, for the verifier of EVM proofs.
    pub key: EvmVerifyingKey,
    // The proving key reads its file in this folder.
    _folder: tempfile::TempDir,
}

/// Claim of the proofs that [`Wrapper::valid`] makes.
pub fn claim() -> ChainClaim {
    ChainClaim {
        chain_id: 1,
        chain_spec: B256::repeat_byte(1),
        first_parent_hash: B256::repeat_byte(2),
        last_block_hash: B256::repeat_byte(3),
        last_block_number: 22_615_247,
        last_state_root: B256::repeat_byte(4),
        last_receipts_root: B256::repeat_byte(5),
        last_timestamp: 1_748_000_000,
        block_count: 1,
    }
}

/// Makes an SRS whose secret comes from a fixed seed.
pub fn srs() -> ParamsKZG<Bn256> {
    ParamsKZG::setup(K, ChaCha20Rng::seed_from_u64(1))
}

impl Wrapper {
    /// Makes the keys of the circuit under an SRS.
    pub fn new(params: ParamsKZG<Bn256>) -> Self {
        let instances = vec![Fr::from(1); 46];
        let builder = circuit(&instances);
        let folder = tempfile::tempdir().unwrap();
        let srs = MemorySrs::from(&params);
        let proving = keygen(&srs, &builder, false, folder.path().join("key")).unwrap();
        let key = EvmVerifyingKey::new(proving.verifying_key(), params.s_g2(), APP_EXE, APP_VM).unwrap();
        Self { params, proving, key, _folder: folder }
    }

    /// Halo2 verifying key of the circuit.
    pub fn verifying_key(&self) -> &halo2_proofs::plonk::VerifyingKey<G1Affine> {
        self.proving.verifying_key()
    }

    /// Accumulator that the pairing accepts: `[a tau] G` and `[a] G`.
    pub fn accumulator(&self) -> [G1Affine; 2] {
        let a = Fr::from(0x1234_5678_9abc_def0);
        [self.params.get_g()[1], self.params.get_g()[0]].map(|point| (point * a).to_affine())
    }

    /// Proves `claim`, with this accumulator and these commitments to the guest and the virtual machine.
    pub fn prove(&self, claim: &ChainClaim, accumulator: [G1Affine; 2], commitments: [B256; 2]) -> ProofFile {
        let limbs = limbs(accumulator);
        let instances: Vec<Fr> = limbs
            .into_iter()
            .chain(commitments.map(|commitment| U256::from_be_bytes(commitment.0)))
            .chain(claim.digest().0.map(U256::from))
            .map(|word| Fr::from_repr(word.to_le_bytes()).unwrap())
            .collect();
        let advice = synthesize(&self.proving, &circuit(&instances), &[&instances]).unwrap();
        let mut transcript = EvmTranscript::<G1Affine, NativeLoader, _, Vec<u8>>::new(Vec::new());
        prove::<ChallengeEvm<G1Affine>, _>(
            &MemorySrs::from(&self.params),
            &self.proving,
            advice,
            &[&instances],
            &mut ChaCha20Rng::seed_from_u64(2),
            &mut transcript,
        )
        .unwrap();
        let mut proof: Vec<u8> = limbs.iter().flat_map(|limb| limb.to_be_bytes::<32>()).collect();
        proof.extend(transcript.finalize());
        ProofFile {
            kind: ProofKind::Evm,
            claim: *claim,
            app_exe_commitment: commitments[0],
            app_vm_commitment: commitments[1],
            proof_system: PROOF_SYSTEM.to_owned(),
            prover: "test".to_owned(),
            srs: Some(self.key.origin().label().to_owned()),
            proof,
        }
    }

    /// Makes a proof that every verifier must accept.
    pub fn valid(&self) -> ProofFile {
        self.prove(&claim(), self.accumulator(), [APP_EXE, APP_VM])
    }

    /// Generates the circuit's verifier in Solidity by `snark-verifier`.
    pub fn halo2_verifier(&self) -> String {
        let vk = self.proving.verifying_key();
        gen_evm_verifier_sol_code::<AggregationCircuit, SHPLONK>(&self.params, vk, vec![46])
    }
}

/// Splits two points into limbs, in the wrapper's order: the lowest limb of a coordinate first.
pub fn limbs(points: [G1Affine; 2]) -> [U256; 12] {
    let coordinates = points.iter().flat_map(|point| [point.x, point.y]);
    let mask = (U256::from(1) << LIMB_BITS) - U256::from(1);
    let limbs: Vec<U256> = coordinates
        .flat_map(|coordinate: Fq| {
            let value = U256::from_le_bytes(coordinate.to_repr());
            [0, 1, 2].map(|limb| (value >> (limb * LIMB_BITS)) & mask)
        })
        .collect();
    limbs.try_into().unwrap()
}

/// Builds the circuit with these instances. Each has a range check if the wrapper's has one.
fn circuit(instances: &[Fr]) -> BaseCircuitBuilder<Fr> {
    let mut builder = BaseCircuitBuilder::from_stage(CircuitBuilderStage::Mock)
        .use_k(K as usize)
        .use_lookup_bits(LOOKUP_BITS)
        .use_instance_columns(1);
    let range = builder.range_chip();
    let ctx = builder.main(0);
    let cells: Vec<_> = instances
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let cell = ctx.load_witness(*value);
            match index {
                0..12 => range.range_check(ctx, cell, LIMB_BITS),
                12..14 => {}
                _ => range.range_check(ctx, cell, 8),
            }
            cell
        })
        .collect();
    builder.assigned_instances[0] = cells;
    let _ = builder.calculate_params(Some(20));
    builder
}
