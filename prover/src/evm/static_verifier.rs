//! The static verifier: the Halo2 circuit that verifies a root proof, made for one verifying key and for tables of
//! certain heights.

use std::path::Path;

use halo2_base::gates::{
    circuit::{BaseCircuitParams, CircuitBuilderStage, MaybeRangeConfig, builder::BaseCircuitBuilder},
    flex_gate::ThreadBreakPoints,
};
use halo2_proofs::plonk::{AdviceColumns, Circuit as _, Column, ConstraintSystem, VerifyingKey};
use halo2curves::bn256::{Fr, G1Affine};
use openvm_continuations::RootSC;
use openvm_sdk::SC;
use openvm_stark_backend::keygen::types::MultiStarkVerifyingKey;
use openvm_static_verifier::{
    StaticVerifierCircuit, StaticVerifierShape, compute_dag_onion_commit, log_heights_per_air_from_proof,
    stages::full_pipeline::load_proof_wire,
    tracegen::graph_executor::{FusedColumnBuilder, GraphExecutor, GraphExecutorState, GraphProgram},
};
use rand_core::OsRng;
use serde::{Deserialize, Serialize};
use snark_verifier_sdk::{
    CircuitExt, NativeLoader, SHPLONK, Snark,
    halo2::{POSEIDON_SPEC, PoseidonTranscript, gen_dummy_snark_from_vk},
    snark_verifier::system::halo2::{Config, compile},
};
use tracing::info;
use zeno_halo2::{ProvingKey, Srs, keygen, prove};

use crate::{
    ProverError, cache,
    error::Stage,
    evm::{KzgParams, RootProof},
};

/// The circuit and what its witness is made from. (The key's polynomials are in another file.)
#[derive(Serialize, Deserialize)]
struct Circuit {
    verifier: StaticVerifierCircuit,
    params: BaseCircuitParams,
    /// Rows at which the cells of advice go on in the next column.
    break_points: ThreadBreakPoints,
    /// How many public values there are.
    values: usize,
    /// The circuit's synthesis, recorded as a program that makes the witness from a root proof.
    program: GraphProgram,
}

/// The transcript that the wrapper verifies: a sponge of Poseidon.
type Transcript<S> = PoseidonTranscript<NativeLoader, S>;

/// The static verifier with its key.
pub(crate) struct StaticVerifier {
    circuit: Circuit,
    key: ProvingKey,
}

/// Public values: the commitments to the guest and to the machine, and the 32 bytes that the guest revealed.
pub(crate) const VALUES: usize = 2 + 32;

/// The size and the layout of the circuit, which are the proof system's.
pub(crate) fn shape() -> StaticVerifierShape {
    StaticVerifierShape::default()
}

/// The circuit for root proofs of `root`'s key and with tables of `example`'s heights.
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
    /// Makes the key of the circuit `verifier`, of the size and with the layout of `shape`. Any proof that the
    /// circuit accepts may be the `example`.
    pub(crate) fn make(
        folder: &Path,
        srs: &dyn Srs,
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
        let program = GraphProgram::new(&verifier, shape.lookup_bits, example);
        info!(advice = program.advice_cells(), lookups = program.lookup_cells(), "witness program recorded");
        let circuit = Circuit { verifier, params, break_points, values, program };
        cache::write_value(&folder.join("static-verifier.circuit"), &circuit)
    }

    /// The circuit whose files are in `folder`, if they are there and undamaged.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, ProverError> {
        let circuit: Option<Circuit> = cache::read_value(&folder.join("static-verifier.circuit"))?;
        let Some(circuit) = circuit else { return Ok(None) };
        let key = ProvingKey::open::<BaseCircuitBuilder<Fr>>(
            folder.join("static-verifier.key"),
            circuit.params.clone(),
        )?;
        Ok(Some(Self { circuit, key }))
    }

    pub(crate) fn verifying_key(&self) -> &VerifyingKey<G1Affine> {
        self.key.verifying_key()
    }

    /// A proof in form only, for which the wrapper's key can be made.
    pub(crate) fn dummy_snark(&self, kzg: KzgParams) -> Snark {
        let params = kzg.halo2(self.key.k());
        gen_dummy_snark_from_vk::<SHPLONK>(&params, self.verifying_key(), vec![self.circuit.values], None)
    }

    /// Proves that the root proof verifies.
    pub(crate) fn prove(
        &self,
        srs: &dyn Srs,
        kzg: KzgParams,
        root: &RootProof,
    ) -> Result<Snark, ProverError> {
        let (advice, values) = self.witness(root)?;
        info!("witness made");
        let mut transcript = Transcript::from_spec(vec![], POSEIDON_SPEC.clone());
        prove(srs, &self.key, advice, &[&values], &mut OsRng, &mut transcript)?;
        let proof = transcript.finalize();
        let mut transcript = Transcript::from_spec(proof.as_slice(), POSEIDON_SPEC.clone());
        kzg.verify(self.verifying_key(), &values, &mut transcript)
            .stage("verifying the static verifier's proof")?;
        let config = Config::kzg()
            .with_num_instance(vec![values.len()])
            .with_accumulator_indices(BaseCircuitBuilder::<Fr>::accumulator_indices());
        let protocol = compile(&kzg.halo2(self.key.k()), self.verifying_key(), config);
        Ok(Snark::new(protocol, vec![values], proof))
    }

    /// The columns of advice and the public values.
    fn witness(&self, root: &RootProof) -> Result<(AdviceColumns<Fr>, Vec<Fr>), ProverError> {
        const STAGE: &str = "making the static verifier's witness";
        let Circuit { verifier, params, break_points, program, .. } = &self.circuit;
        if log_heights_per_air_from_proof(root) != verifier.log_heights_per_air {
            return Err(ProverError::machine(
                STAGE,
                "the root proof's tables have other heights than the circuit's",
            ));
        }
        let mut columns = FusedColumnBuilder::new(
            1 << self.key.k(),
            self.verifying_key().cs().num_advice_columns(),
            break_points.clone(),
            lookup_columns(params).ok_or_else(|| ProverError::machine(STAGE, "it has no lookups"))?,
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

/// The columns of advice whose cells are looked up.
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
