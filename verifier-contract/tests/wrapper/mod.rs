//! A circuit with the configuration and the instances of the wrapper, small, with real proofs by our prover.
#![allow(dead_code, reason = "each test file uses a part of it")]

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

/// Rows are 2^K.
pub(crate) const K: u32 = 11;
const LOOKUP_BITS: usize = 8;
const LIMB_BITS: usize = 88;

/// The words that the guest and machine of these tests are known by.
pub(crate) const APP_EXE: B256 = B256::with_last_byte(7);
pub(crate) const APP_VM: B256 = B256::with_last_byte(9);

/// The circuit's keys under one SRS.
pub(crate) struct Wrapper {
    params: ParamsKZG<Bn256>,
    proving: ProvingKey,
    pub(crate) key: EvmVerifyingKey,
    // The proving key reads its file.
    _folder: tempfile::TempDir,
}

pub(crate) fn claim() -> ChainClaim {
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

/// An SRS with a secret from a fixed seed.
pub(crate) fn srs() -> ParamsKZG<Bn256> {
    ParamsKZG::setup(K, ChaCha20Rng::seed_from_u64(1))
}

impl Wrapper {
    pub(crate) fn new(params: ParamsKZG<Bn256>) -> Self {
        let instances = vec![Fr::from(1); 46];
        let builder = circuit(&instances);
        let folder = tempfile::tempdir().unwrap();
        let srs = MemorySrs::from(&params);
        let proving = keygen(&srs, &builder, false, folder.path().join("key")).unwrap();
        let key = EvmVerifyingKey::new(proving.verifying_key(), params.s_g2(), APP_EXE, APP_VM).unwrap();
        Self { params, proving, key, _folder: folder }
    }

    /// The circuit's Halo2 key.
    pub(crate) fn verifying_key(&self) -> &halo2_proofs::plonk::VerifyingKey<G1Affine> {
        self.proving.verifying_key()
    }

    /// An accumulator that the pairing accepts: `[a tau] G` and `[a] G`.
    pub(crate) fn accumulator(&self) -> [G1Affine; 2] {
        let a = Fr::from(0x1234_5678_9abc_def0);
        [self.params.get_g()[1], self.params.get_g()[0]].map(|point| (point * a).to_affine())
    }

    /// A proof of `claim`, with this accumulator and these commitments.
    pub(crate) fn prove(
        &self,
        claim: &ChainClaim,
        accumulator: [G1Affine; 2],
        commitments: [B256; 2],
    ) -> ProofFile {
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

    /// A proof that everybody should accept.
    pub(crate) fn valid(&self) -> ProofFile {
        self.prove(&claim(), self.accumulator(), [APP_EXE, APP_VM])
    }

    /// What `snark-verifier` generates for it.
    pub(crate) fn halo2_verifier(&self) -> String {
        let vk = self.proving.verifying_key();
        gen_evm_verifier_sol_code::<AggregationCircuit, SHPLONK>(&self.params, vk, vec![46])
    }
}

/// The limbs of two points, as the wrapper has them.
pub(crate) fn limbs(points: [G1Affine; 2]) -> [U256; 12] {
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

/// The instances, each under a range check where the wrapper has one.
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
