//! The static verifier: the Halo2 circuit that verifies a root proof. It is made for one verifying key and for tables
//! of certain heights.

use std::path::Path;

use halo2_base::gates::{
    circuit::{BaseCircuitParams, CircuitBuilderStage, MaybeRangeConfig, builder::BaseCircuitBuilder},
    flex_gate::ThreadBreakPoints,
};
use halo2_proofs::plonk::{AdviceColumns, Circuit as _, Column, ConstraintSystem, VerifyingKey};
use halo2curves::{
    bn256::{Fr, G1Affine},
    ff::{Field, PrimeField},
};
use openvm_continuations::{RootSC, circuit::root::USER_PVS_COMMIT_AIR_ID};
use openvm_sdk::{F, SC};
use openvm_stark_backend::{keygen::types::MultiStarkVerifyingKey, p3_field::PrimeField32};
use openvm_stark_sdk::config::baby_bear_poseidon2::DIGEST_SIZE;
use openvm_static_verifier::{
    StaticVerifierCircuit, StaticVerifierShape, compute_dag_onion_commit, log_heights_per_air_from_proof,
    stages::full_pipeline::load_proof_wire,
    tracegen::graph_executor::{FusedColumnBuilder, GraphExecutor, GraphExecutorState, GraphProgram},
};
use openvm_verify_stark_host::pvs::VERIFIER_PVS_AIR_ID;
use rand_core::OsRng;
use serde::{Deserialize, Serialize};
use snark_verifier_sdk::{
    CircuitExt, NativeLoader, SHPLONK, Snark,
    halo2::{POSEIDON_SPEC, PoseidonTranscript, gen_dummy_snark_from_vk},
    snark_verifier::system::halo2::{Config, compile},
};
use tracing::{info, warn};
use zeno_halo2::{ProvingKey, SrsPoints, keygen, prove};
use zeno_vm::{RootProof, verify_root};

use crate::{
    cache_dir,
    error::{ProverError, Stage},
    wrap::KzgParams,
};

/// Content of the circuit's file. The key's polynomials are in another file.
///
/// The program that makes the witness is recorded anew for each proof and is no part of the file, because it writes to
/// memory without a check of its addresses.
#[derive(Serialize, Deserialize)]
struct Circuit {
    verifier: StaticVerifierCircuit,
    params: BaseCircuitParams,
    /// Rows at which the advice cells continue in the next column.
    break_points: ThreadBreakPoints,
    /// Number of public values.
    values: usize,
}

/// Transcript that the wrapper verifies: a Poseidon sponge.
type Transcript<S> = PoseidonTranscript<NativeLoader, S>;

/// Static verifier with its key.
pub(crate) struct StaticVerifier {
    circuit: Circuit,
    key: ProvingKey,
}

/// Bound on the length of the circuit's file, in bytes.
const MAX_CIRCUIT_BYTES: u64 = 1 << 27;
/// Bounds on the layout, far from those of OpenVM's circuit.
const MAX_K: usize = 28;
const MAX_PHASES: usize = 3;
const MAX_COLUMNS: usize = 1 << 10;

/// Size and layout of the circuit, which are OpenVM's.
pub(crate) fn shape() -> StaticVerifierShape {
    StaticVerifierShape::default()
}

/// Makes the circuit for root proofs of `root`'s key, with tables of `example`'s heights.
pub(crate) fn circuit(
    internal_recursive: &MultiStarkVerifyingKey<SC>,
    root: &MultiStarkVerifyingKey<RootSC>,
    example: &RootProof,
) -> Result<StaticVerifierCircuit, ProverError> {
    let heights = log_heights_per_air_from_proof(example);
    StaticVerifierCircuit::try_new(root.clone(), compute_dag_onion_commit(internal_recursive), &heights)
        .stage("making the static verifier")
}

impl StaticVerifier {
    /// Makes the key of the circuit `verifier`, with the size and the layout of `shape`. The `example` may be any proof
    /// that the circuit accepts.
    pub(crate) fn make(
        folder: &Path,
        srs: &dyn SrsPoints,
        verifier: StaticVerifierCircuit,
        shape: &StaticVerifierShape,
        example: &RootProof,
    ) -> Result<(), ProverError> {
        let (params, break_points, values) = {
            let mut builder = StaticVerifierCircuit::builder(CircuitBuilderStage::Keygen, shape);
            verifier.populate(&mut builder, example);
            let params = builder.calculate_params(Some(shape.minimum_rows));
            info!(?params, "static verifier populated");
            keygen(srs, &builder, false, folder.join("static-verifier.key"))?;
            let values = builder.assigned_instances[0].len();
            // All of the circuit is in the first phase.
            let break_points = builder.break_points().into_iter().next().unwrap_or_default();
            (params, break_points, values)
        };
        let circuit = Circuit { verifier, params, break_points, values };
        cache_dir::write_value(&folder.join("static-verifier.circuit"), &circuit)
    }

    /// Reads the circuit with its key from `folder`. Returns `None` if a file of it is missing or damaged.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, ProverError> {
        let path = folder.join("static-verifier.circuit");
        let circuit: Option<Circuit> = cache_dir::read_value(&path, MAX_CIRCUIT_BYTES)?;
        let Some(circuit) = circuit else { return Ok(None) };
        if !is_sound(&circuit.params) {
            warn!(path = %path.display(), "a circuit of another layout, it will be made again");
            return Ok(None);
        }
        let key = ProvingKey::open::<BaseCircuitBuilder<Fr>>(
            folder.join("static-verifier.key"),
            circuit.params.clone(),
        )?;
        Ok(Some(Self { circuit, key }))
    }

    /// Verifying key of the static verifier's proofs.
    pub(crate) fn verifying_key(&self) -> &VerifyingKey<G1Affine> {
        self.key.verifying_key()
    }

    /// Returns a proof in form only, for which the wrapper's key can be made.
    pub(crate) fn dummy_snark(&self, kzg: KzgParams) -> Snark {
        let params = kzg.halo2(self.key.k());
        gen_dummy_snark_from_vk::<SHPLONK>(&params, self.verifying_key(), vec![self.circuit.values], None)
    }

    /// Proves that the root proof verifies.
    pub(crate) fn prove(
        &self,
        srs: &dyn SrsPoints,
        kzg: KzgParams,
        root: &RootProof,
    ) -> Result<Snark, ProverError> {
        let (advice, values) = self.witness(root)?;
        info!("witness made");
        let mut transcript = Transcript::from_spec(vec![], POSEIDON_SPEC.clone());
        prove(srs, &self.key, advice, &[&values], &mut OsRng, &mut transcript)?;
        let proof = transcript.finalize();
        self.snark(kzg, values, proof).stage("verifying the static verifier's proof")
    }

    /// Returns a proof in the form that the wrapper verifies, if it verifies.
    fn snark(&self, kzg: KzgParams, values: Vec<Fr>, proof: Vec<u8>) -> Result<Snark, String> {
        let mut rest = proof.as_slice();
        let mut transcript = Transcript::from_spec(&mut rest, POSEIDON_SPEC.clone());
        kzg.verify(self.verifying_key(), &values, &mut transcript).map_err(|error| error.to_string())?;
        drop(transcript);
        if !rest.is_empty() {
            return Err(format!("{} bytes follow the proof", rest.len()));
        }
        // The wrapper verifies the key's protocol, whatever the proof was kept with.
        let config = Config::kzg()
            .with_num_instance(vec![values.len()])
            .with_accumulator_indices(BaseCircuitBuilder::<Fr>::accumulator_indices());
        let protocol = compile(&kzg.halo2(self.key.k()), self.verifying_key(), config);
        Ok(Snark::new(protocol, vec![values], proof))
    }

    /// Encodes a proof for the checkpoint: its public values and the proof itself.
    pub(crate) fn encode(snark: &Snark) -> Vec<u8> {
        let values = snark.instances.iter().flatten().flat_map(|value| value.to_repr());
        values.chain(snark.proof.iter().copied()).collect()
    }

    /// Decodes a proof from the checkpoint, if it verifies and has the public values `expected`.
    pub(crate) fn decode(&self, bytes: &[u8], kzg: KzgParams, expected: &[Fr]) -> Result<Snark, String> {
        let values: Vec<u8> = expected.iter().flat_map(|value| value.to_repr()).collect();
        let proof = bytes.strip_prefix(values.as_slice()).ok_or("it is of another root proof")?;
        self.snark(kzg, expected.to_vec(), proof.to_vec())
    }

    /// Verifying key of the root proofs that the circuit verifies.
    pub(crate) fn root_key(&self) -> &MultiStarkVerifyingKey<RootSC> {
        &self.circuit.verifier.root_vk
    }

    /// Checks that the circuit can verify a root proof, and that the proof has the public values `expected`.
    pub(crate) fn check_root(&self, root: &RootProof, expected: &[Fr]) -> Result<(), String> {
        verify_root(self.root_key(), root)?;
        if log_heights_per_air_from_proof(root) != self.circuit.verifier.log_heights_per_air {
            return Err("its tables have other heights than the static verifier's".to_owned());
        }
        if values(root) != expected { Err("it is of another run".to_owned()) } else { Ok(()) }
    }

    /// Makes the advice columns and the public values.
    fn witness(&self, root: &RootProof) -> Result<(AdviceColumns<Fr>, Vec<Fr>), ProverError> {
        const STAGE: &str = "making the static verifier's witness";
        let Circuit { verifier, params, break_points, .. } = &self.circuit;
        if log_heights_per_air_from_proof(root) != verifier.log_heights_per_air {
            return Err(ProverError::proof_system(
                STAGE,
                "the root proof's tables have other heights than the circuit's",
            ));
        }
        let lookup_bits =
            params.lookup_bits.ok_or_else(|| ProverError::proof_system(STAGE, "it has no lookups"))?;
        let program = &GraphProgram::new(verifier, lookup_bits, root);
        info!(advice = program.advice_cells(), lookups = program.lookup_cells(), "witness program recorded");
        let mut columns = FusedColumnBuilder::new(
            1 << self.key.k(),
            self.verifying_key().cs().num_advice_columns(),
            break_points.clone(),
            lookup_columns(params).ok_or_else(|| ProverError::proof_system(STAGE, "it has no lookups"))?,
        );
        let mut state = GraphExecutorState::new(program);
        let mut executor = GraphExecutor::new(program, &mut state);
        load_proof_wire(&mut executor, root, &verifier.log_heights_per_air);
        executor.run(rayon::current_num_threads(), |advice_start, advice, lookup_start, lookups| {
            columns.append(advice_start, advice, lookup_start, lookups);
        });
        let values = program.pv_offsets().iter().map(|&offset| executor.advice()[offset]).collect();
        Ok((columns.take_columns(), values))
    }
}

/// Public values of the static verifier's proof for this root proof: the commitments to the guest and to the VM, and
/// the bytes that the guest revealed.
pub(crate) fn values(root: &RootProof) -> Vec<Fr> {
    let element = |value: &F| Fr::from(u64::from(value.as_canonical_u32()));
    let order = Fr::from(u64::from(F::ORDER_U32));
    // Number with these digits, the lowest first, in base of BabyBear's order.
    let number =
        |digits: &[F]| digits.iter().rev().fold(Fr::ZERO, |number, digit| number * order + element(digit));
    let commitments = root.public_values[VERIFIER_PVS_AIR_ID].chunks(DIGEST_SIZE).map(number);
    commitments.chain(root.public_values[USER_PVS_COMMIT_AIR_ID].iter().map(element)).collect()
}

/// Returns whether a layout is possible. It comes from a file, so it must not take memory without end.
fn is_sound(params: &BaseCircuitParams) -> bool {
    let columns = params.num_advice_per_phase.iter().chain(&params.num_lookup_advice_per_phase);
    let columns = columns.chain([&params.num_fixed, &params.num_instance_columns]);
    (1..=MAX_K).contains(&params.k)
        && params.lookup_bits.is_some_and(|bits| (1..params.k).contains(&bits))
        && params.num_advice_per_phase.len() <= MAX_PHASES
        && params.num_lookup_advice_per_phase.len() <= MAX_PHASES
        && columns.fold(0, |sum: usize, columns| sum.saturating_add(*columns)) <= MAX_COLUMNS
}

/// Indices of the advice columns with cells that are looked up.
fn lookup_columns(params: &BaseCircuitParams) -> Option<Vec<usize>> {
    let mut cs = ConstraintSystem::<Fr>::default();
    let config = BaseCircuitBuilder::configure_with_params(&mut cs, params.clone());
    match &config.base {
        MaybeRangeConfig::WithRange(range) => {
            Some(range.lookup_advice[0].iter().map(Column::index).collect())
        }
        MaybeRangeConfig::WithoutRange(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A layout decides how much memory the configuration of the circuit takes.
    #[test]
    fn absurd_layouts_are_none() {
        let sound = BaseCircuitParams {
            k: 23,
            num_advice_per_phase: vec![10],
            num_fixed: 1,
            num_lookup_advice_per_phase: vec![2],
            lookup_bits: Some(22),
            num_instance_columns: 1,
        };
        assert!(is_sound(&sound));
        let altered = |alter: &dyn Fn(&mut BaseCircuitParams)| {
            let mut params = sound.clone();
            alter(&mut params);
            is_sound(&params)
        };
        assert!(!altered(&|params| params.k = 60));
        assert!(!altered(&|params| params.k = 0));
        assert!(!altered(&|params| params.lookup_bits = Some(60)));
        assert!(!altered(&|params| params.lookup_bits = None));
        assert!(!altered(&|params| params.num_fixed = usize::MAX));
        assert!(!altered(&|params| params.num_advice_per_phase = vec![1 << 40]));
        assert!(!altered(&|params| params.num_lookup_advice_per_phase = vec![usize::MAX, 2]));
        assert!(!altered(&|params| params.num_advice_per_phase = vec![0; 1 << 20]));
        assert!(!altered(&|params| params.num_instance_columns = 1 << 40));
    }
}
