//! The wrapper: the Halo2 circuit that verifies the static verifier's proof up to a pairing. It has a Keccak transcript
//! and as few columns as possible, so that a contract can check its proofs.

use std::path::Path;

use halo2_base::gates::{
    circuit::{BaseCircuitParams, CircuitBuilderStage},
    flex_gate::MultiPhaseThreadBreakPoints,
};
use halo2_proofs::{plonk::VerifyingKey, transcript::TranscriptWriterBuffer};
use halo2curves::bn256::{Fr, G1Affine};
use rand_core::OsRng;
use serde::{Deserialize, Serialize};
use snark_verifier_sdk::{
    CircuitExt, NativeLoader, SHPLONK, Snark,
    halo2::aggregation::{AggregationCircuit, AggregationConfigParams, VerifierUniversality},
    snark_verifier::system::halo2::transcript::evm::EvmTranscript,
};
use tracing::{info, warn};
use zeno_halo2::{ProvingKey, SrsPoints, keygen, prove, synthesize};

use crate::{cache_dir, error::ProverError, wrap::KzgParams};

/// Rows that halo2-base leaves free in a layout: the proof system's number for the wrapper.
const MIN_ROWS: usize = 20;
/// Smallest k that the proof system tries.
const SMALLEST_K: usize = 20;

/// Largest k of an SRS.
const LARGEST_K: usize = 28;
/// Bound on the columns of one kind, for a layout that is read from a file.
const MAX_COLUMNS: usize = 64;
/// Bound on the length of the layout's file, in bytes.
const MAX_LAYOUT_BYTES: u64 = 1 << 20;

/// Number of public values that are limbs of the accumulator: three for each coordinate of two points.
pub(crate) const LIMBS: usize = 12;

/// Content of the layout's file.
#[derive(Serialize, Deserialize)]
struct Layout {
    params: BaseCircuitParams,
    break_points: MultiPhaseThreadBreakPoints,
}

/// Wrapper with its key.
pub(crate) struct Wrapper {
    layout: Layout,
    key: ProvingKey,
}

/// Proof in the form that contracts take.
pub(crate) struct WrapperProof {
    /// Limbs of the accumulator, then the static verifier's public values.
    pub(crate) values: Vec<Fr>,
    /// The Halo2 proof.
    pub(crate) proof: Vec<u8>,
}

impl Wrapper {
    /// Finds the least k, from 20 on, with which the circuit has one advice column. The search is the proof system's:
    /// the circuit depends on k through the size of its lookup table.
    pub(crate) fn select_k(snark: &Snark) -> usize {
        let mut k = SMALLEST_K;
        loop {
            let mut circuit = circuit(CircuitBuilderStage::Keygen, k, snark.clone());
            circuit.calculate_params(Some(MIN_ROWS));
            let single = circuit.builder.config_params.num_advice_per_phase == [1];
            let cells = circuit.builder.statistics().gate.total_advice_per_phase[0];
            circuit.builder.clear();
            info!(k, cells, "wrapper");
            if single {
                return k;
            }
            k = if k == SMALLEST_K { (cells + MIN_ROWS).next_power_of_two().ilog2() as usize } else { k + 1 };
        }
    }

    /// Makes the key for proofs of `snark`'s form, with an SRS for that snark's `select_k`.
    pub(crate) fn make(folder: &Path, srs: &dyn SrsPoints, snark: Snark) -> Result<(), ProverError> {
        let mut circuit = circuit(CircuitBuilderStage::Keygen, srs.k() as usize, snark);
        circuit.calculate_params(Some(MIN_ROWS));
        let params = circuit.builder.config_params.clone();
        info!(?params, "wrapper populated");
        keygen(srs, &circuit, false, folder.join("wrapper.key"))?;
        let layout = Layout { params, break_points: circuit.break_points() };
        cache_dir::write_value(&folder.join("wrapper.circuit"), &layout)
    }

    /// Reads the circuit with its key from `folder`. Returns `None` if a file of it is missing or damaged.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, ProverError> {
        let path = folder.join("wrapper.circuit");
        let layout: Option<Layout> = cache_dir::read_value(&path, MAX_LAYOUT_BYTES)?;
        let Some(layout) = layout else { return Ok(None) };
        // Sizes that `select_k` may find, and the one advice column that it looks for.
        let BaseCircuitParams { k, num_advice_per_phase, num_fixed, num_instance_columns, .. } =
            &layout.params;
        let sound = (SMALLEST_K..=LARGEST_K).contains(k)
            && *num_advice_per_phase == [1]
            && *num_fixed <= MAX_COLUMNS
            && *num_instance_columns == 1;
        if !sound || layout.params.num_lookup_advice_per_phase.iter().any(|columns| *columns > MAX_COLUMNS) {
            warn!(path = %path.display(), "a wrapper of another layout, it will be made again");
            return Ok(None);
        }
        let key = ProvingKey::open::<AggregationCircuit>(
            folder.join("wrapper.key"),
            config(layout.params.clone())?,
        )?;
        Ok(Some(Self { layout, key }))
    }

    /// Verifying key of the wrapper's proofs.
    pub(crate) fn verifying_key(&self) -> &VerifyingKey<G1Affine> {
        self.key.verifying_key()
    }

    /// Parameters of the circuit's layout.
    pub(crate) fn params(&self) -> &BaseCircuitParams {
        &self.layout.params
    }

    /// Proves that the static verifier's proof verifies, but for the pairing.
    pub(crate) fn prove(&self, srs: &dyn SrsPoints, snark: Snark) -> Result<WrapperProof, ProverError> {
        let (advice, values) = {
            let circuit = circuit(CircuitBuilderStage::Prover, self.layout.params.k, snark)
                .use_params(config(self.layout.params.clone())?)
                .use_break_points(self.layout.break_points.clone());
            let mut instances = circuit.instances();
            let values = instances.pop().unwrap_or_default();
            (synthesize(&self.key, &circuit, &[&values])?, values)
        };
        info!("witness made");
        let mut transcript = EvmTranscript::<G1Affine, NativeLoader, Vec<u8>, Vec<u8>>::init(Vec::new());
        prove(srs, &self.key, advice, &[&values], &mut OsRng, &mut transcript)?;
        Ok(WrapperProof { values, proof: TranscriptWriterBuffer::finalize(transcript) })
    }
}

fn config(params: BaseCircuitParams) -> Result<AggregationConfigParams, ProverError> {
    AggregationConfigParams::try_from(params).map_err(|_| {
        ProverError::proof_system("reading the wrapper", "it has another layout than wrappers have")
    })
}

fn circuit(stage: CircuitBuilderStage, k: usize, snark: Snark) -> AggregationCircuit {
    let params = AggregationConfigParams { degree: k as u32, lookup_bits: k - 1, ..Default::default() };
    let mut circuit = AggregationCircuit::new::<SHPLONK>(
        stage,
        params,
        &KzgParams::generator_alone(),
        [snark],
        VerifierUniversality::None,
    );
    circuit.expose_previous_instances(false);
    circuit
}
