//! The static verifier: the Halo2 circuit that verifies a root proof, made for one verifying key and for tables of
//! certain heights.

use std::path::Path;

use halo2_base::gates::circuit::{BaseCircuitParams, CircuitBuilderStage, builder::BaseCircuitBuilder};
use halo2_proofs::plonk::VerifyingKey;
use halo2curves::{
    bn256::{Fr, G1Affine},
    ff::Field,
};
use openvm_continuations::RootSC;
use openvm_sdk::SC;
use openvm_stark_backend::keygen::types::MultiStarkVerifyingKey;
use openvm_static_verifier::{
    StaticVerifierCircuit, StaticVerifierShape, compute_dag_onion_commit, log_heights_per_air_from_proof,
    stages::full_pipeline::load_proof_wire,
    tracegen::graph_executor::{GraphExecutor, GraphExecutorState, GraphProgram},
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
    /// How many public values there are.
    values: usize,
    /// The circuit's synthesis, recorded as a program that makes the witness from a root proof.
    program: GraphProgram,
}

/// The static verifier with its key.
pub(crate) struct StaticVerifier {
    circuit: Circuit,
    key: ProvingKey,
}

/// The size and the layout of the circuit, which are the proof system's.
pub(crate) fn shape() -> StaticVerifierShape {
    StaticVerifierShape::default()
}

impl StaticVerifier {
    /// Makes the circuit and its key.
    pub(crate) fn make(
        folder: &Path,
        srs: &dyn Srs,
        internal_recursive: &MultiStarkVerifyingKey<SC>,
        root: &MultiStarkVerifyingKey<RootSC>,
        representative: &RootProof,
    ) -> Result<Self, ProverError> {
        const STAGE: &str = "making the static verifier's key";
        let shape = shape();
        let verifier = StaticVerifierCircuit::try_new(
            root.clone(),
            compute_dag_onion_commit(internal_recursive),
            &log_heights_per_air_from_proof(representative),
        )
        .stage(STAGE)?;
        let (key, params, values) = {
            let mut builder = StaticVerifierCircuit::builder(CircuitBuilderStage::Keygen, &shape);
            verifier.populate(&mut builder, representative);
            let params = builder.calculate_params(Some(shape.minimum_rows));
            info!(?params, "static verifier populated");
            let key = keygen(srs, &builder, false, folder.join("static-verifier.key"))?;
            let values = builder.assigned_instances[0].len();
            // One column has no breaks; the program's tape is that column.
            if builder.break_points().iter().flatten().next().is_some() {
                return Err(ProverError::machine(STAGE, "the circuit has more than one column of advice"));
            }
            (key, params, values)
        };
        let program = GraphProgram::new(&verifier, shape.lookup_bits, representative);
        info!(advice = program.advice_cells(), lookups = program.lookup_cells(), "witness program recorded");
        let circuit = Circuit { verifier, params, values, program };
        let bytes = bitcode::serialize(&circuit).stage(STAGE)?;
        cache::write(&folder.join("static-verifier.circuit"), &bytes)?;
        Ok(Self { circuit, key })
    }

    /// The circuit whose files are in `folder`, if they are there and undamaged.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, ProverError> {
        let Some(bytes) = cache::read(&folder.join("static-verifier.circuit"))? else { return Ok(None) };
        let circuit: Circuit = bitcode::deserialize(&bytes).stage("reading the static verifier")?;
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
    pub(crate) fn prove(&self, srs: &dyn Srs, kzg: KzgParams, root: &RootProof) -> Result<Snark, ProverError> {
        let (advice, values) = self.witness(root)?;
        info!("witness made");
        let mut transcript = PoseidonTranscript::<NativeLoader, Vec<u8>>::from_spec(vec![], POSEIDON_SPEC.clone());
        prove(srs, &self.key, advice, &[&values], &mut OsRng, &mut transcript)?;
        let config = Config::kzg()
            .with_num_instance(vec![values.len()])
            .with_accumulator_indices(BaseCircuitBuilder::<Fr>::accumulator_indices());
        let protocol = compile(&kzg.halo2(self.key.k()), self.verifying_key(), config);
        Ok(Snark::new(protocol, vec![values], transcript.finalize()))
    }

    /// The columns of advice and the public values.
    fn witness(&self, root: &RootProof) -> Result<(Vec<Vec<Fr>>, Vec<Fr>), ProverError> {
        const STAGE: &str = "making the static verifier's witness";
        let Circuit { verifier, program, .. } = &self.circuit;
        if log_heights_per_air_from_proof(root) != verifier.log_heights_per_air {
            return Err(ProverError::machine(STAGE, "the root proof's tables have other heights than the circuit's"));
        }
        let mut state = GraphExecutorState::new(program);
        let mut executor = GraphExecutor::new(program, &mut state);
        load_proof_wire(&mut executor, root, &verifier.log_heights_per_air);
        executor.run(rayon::current_num_threads(), |_, _, _, _| ());
        let values = program.pv_offsets().iter().map(|&offset| executor.advice()[offset]).collect();
        // The gate's column, and the lookup's, in the order in which the circuit's configuration makes them.
        let column = |cells: &[Fr]| {
            let mut column = Vec::with_capacity(1 << self.key.k());
            column.extend_from_slice(cells);
            column.resize(1 << self.key.k(), Fr::ZERO);
            column
        };
        Ok((vec![column(executor.advice()), column(executor.lookups())], values))
    }
}
