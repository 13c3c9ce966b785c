//! The device and the engine of the root configuration.

use openvm_cpu_backend::{CpuBackend, CpuDevice, CpuProverError, logup_zerocheck::prove_zerocheck_and_logup};
use openvm_stark_backend::{
    FiatShamirTranscript, StarkEngine, StarkProtocolConfig, SystemParams,
    keygen::types::MultiStarkProvingKey,
    poly_common::Squarable,
    proof::{BatchConstraintProof, GkrProof, StackingProof, WhirProof},
    prover::{
        ColMajorMatrix, Coordinator, CpuColMajorBackend, DeviceDataTransporter, DeviceMultiStarkProvingKey,
        MultiRapProver, OpeningProver, ProverBackend, ProverDevice, ProvingContext, ReferenceDevice,
        TraceCommitter,
        error::{StackedPcsError, WhirProverError},
        poly::eval_to_coeff_rs_message,
        stacked_pcs::{MerkleTree, StackedPcsData, stacked_matrix},
        stacked_reduction::{StackedReductionCpu, prove_stacked_opening_reduction},
    },
};
use openvm_stark_sdk::config::{
    baby_bear_bn254_poseidon2::{BabyBearBn254Poseidon2Config as SC, Digest, EF, F},
    bn254_poseidon2::default_bn254_poseidon2_width3,
};
use p3_field::PrimeCharacteristicRing;
use p3_matrix::dense::RowMajorMatrix;
use rayon::prelude::*;
use tracing::{info_span, instrument};

use crate::{RootTranscript, bn254::Kernel, code::codeword, merkle::tree, whir};

/// The stock backend: its matrices and committed data, for which the root circuit's traces are generated.
type PB = CpuBackend<SC>;
type PcsData = <PB as ProverBackend>::PcsData;

/// The stock CPU device with commitments and openings of ours.
#[derive(Clone)]
pub struct RootDevice {
    stock: CpuDevice<SC>,
    kernel: Kernel,
}

impl RootDevice {
    /// A device for a configuration.
    pub fn new(config: SC, kernel: Kernel) -> Self {
        Self { stock: CpuDevice::new(config), kernel }
    }

    /// The configuration.
    pub fn config(&self) -> &SC {
        self.stock.config()
    }
}

impl TraceCommitter<PB> for RootDevice {
    type Error = CpuProverError;

    #[instrument(level = "info", name = "trace_commit", skip_all)]
    fn commit(&self, traces: &[&RowMajorMatrix<F>]) -> Result<(Digest, PcsData), CpuProverError> {
        let params = self.stock.params();
        let traces: Vec<_> = traces.iter().map(|trace| ColMajorMatrix::from_row_major(trace)).collect();
        let (matrix, layout) =
            stacked_matrix(params.l_skip, params.n_stack, &traces.iter().collect::<Vec<_>>())?;
        drop(traces);
        let rows = info_span!("encode").in_scope(|| {
            let coefficients = coefficients(params.l_skip, &matrix);
            codeword(&coefficients, params.log_blowup)
        });
        let tree = info_span!("merkle").in_scope(|| tree(self.kernel, rows, 1 << params.k_whir()))?;
        Ok((tree.root()?, PcsData::new(layout, matrix, tree)))
    }
}

/// The code's message of every column, row-major.
fn coefficients(l_skip: usize, matrix: &ColMajorMatrix<F>) -> RowMajorMatrix<F> {
    let columns: Vec<Vec<F>> = matrix.columns().map(|c| eval_to_coeff_rs_message(l_skip, c)).collect();
    let mut values = F::zero_vec(matrix.values.len());
    if !columns.is_empty() {
        values.par_chunks_exact_mut(columns.len()).enumerate().for_each(|(i, row)| {
            for (value, column) in row.iter_mut().zip(&columns) {
                *value = column[i];
            }
        });
    }
    RowMajorMatrix::new(values, columns.len())
}

impl<TS: FiatShamirTranscript<SC>> MultiRapProver<PB, TS> for RootDevice {
    type PartialProof = (GkrProof<SC>, BatchConstraintProof<SC>);
    type Artifacts = Vec<EF>;
    type Error = CpuProverError;

    fn prove_rap_constraints(
        &self,
        transcript: &mut TS,
        mpk: &DeviceMultiStarkProvingKey<PB>,
        ctx: &ProvingContext<PB>,
        _common_main_pcs_data: &PcsData,
    ) -> Result<(Self::PartialProof, Vec<EF>), CpuProverError> {
        let (gkr, batch_constraints, r) = prove_zerocheck_and_logup::<SC, _>(transcript, mpk, ctx)?;
        Ok(((gkr, batch_constraints), r))
    }
}

impl<TS: FiatShamirTranscript<SC>> OpeningProver<PB, TS> for RootDevice {
    type OpeningProof = (StackingProof<SC>, WhirProof<SC>);
    type OpeningPoints = Vec<EF>;
    type Error = CpuProverError;

    #[instrument(level = "info", name = "openings", skip_all)]
    fn prove_openings(
        &self,
        transcript: &mut TS,
        mpk: &DeviceMultiStarkProvingKey<PB>,
        ctx: ProvingContext<PB>,
        common_main: PcsData,
        r: Vec<EF>,
    ) -> Result<Self::OpeningProof, CpuProverError> {
        let params = self.stock.params();
        // The commitments in the protocol's order, and for each of its matrices whether it is opened at the next row.
        let mut need_rot = vec![Vec::new()];
        let mut others = Vec::new();
        for (air, trace) in &ctx.per_trace {
            let key = &mpk.per_air[*air];
            need_rot[0].push(key.vk.params.need_rot);
            for committed in key.preprocessed_data.iter().chain(&trace.cached_mains) {
                need_rot.push(vec![key.vk.params.need_rot]);
                others.push(committed.data.clone());
            }
        }
        drop(ctx);

        let mut stacked = Vec::with_capacity(1 + others.len());
        stacked.push(without_tree(self.config(), common_main.layout, common_main.matrix)?);
        for data in &others {
            stacked.push(without_tree(self.config(), data.layout.clone(), data.matrix.clone())?);
        }
        let (stacking_proof, u_prism) =
            prove_stacked_opening_reduction::<SC, CpuColMajorBackend<SC>, _, _, StackedReductionCpu<'_, SC>>(
                &ReferenceDevice::new(self.config().clone()),
                transcript,
                params.n_stack,
                stacked.iter().collect(),
                need_rot,
                &r,
            );

        let (u_first, u_rest) = u_prism.split_first().ok_or(WhirProverError::UPrismaEmpty)?;
        let u: Vec<EF> =
            u_first.exp_powers_of_2().take(params.l_skip).chain(u_rest.iter().copied()).collect();
        let trees = [&common_main.tree].into_iter().chain(others.iter().map(|data| &data.tree));
        let committed: Vec<_> = stacked.iter().map(|data| &data.matrix).zip(trees).collect();
        let whir_proof = whir::prove(self.kernel, transcript, params, &committed, &u)?;
        Ok((stacking_proof, whir_proof))
    }
}

/// A stacked matrix as the reference implementation of the stacked reduction takes it, which reads the layout and the
/// matrix only. The tree that its type asks for is one over a single zero.
fn without_tree(
    config: &SC,
    layout: openvm_stark_backend::prover::stacked_pcs::StackedLayout,
    matrix: ColMajorMatrix<F>,
) -> Result<StackedPcsData<F, Digest>, StackedPcsError> {
    let tree = MerkleTree::new(config.hasher(), ColMajorMatrix::new(vec![F::ZERO], 1), 1)?;
    Ok(StackedPcsData::new(layout, matrix, tree))
}

impl<TS: FiatShamirTranscript<SC>> ProverDevice<PB, TS> for RootDevice {
    type Error = CpuProverError;
    type DeviceCtx = ();

    fn device_ctx(&self) -> &() {
        &()
    }
}

impl DeviceDataTransporter<SC, PB> for RootDevice {
    fn transport_pk_to_device(&self, mpk: &MultiStarkProvingKey<SC>) -> DeviceMultiStarkProvingKey<PB> {
        self.stock.transport_pk_to_device(mpk)
    }

    fn transport_matrix_to_device(&self, matrix: &ColMajorMatrix<F>) -> RowMajorMatrix<F> {
        self.stock.transport_matrix_to_device(matrix)
    }

    fn transport_pcs_data_to_device(&self, data: &StackedPcsData<F, Digest>) -> PcsData {
        self.stock.transport_pcs_data_to_device(data)
    }

    fn transport_matrix_from_device_to_host(&self, matrix: &RowMajorMatrix<F>) -> ColMajorMatrix<F> {
        self.stock.transport_matrix_from_device_to_host(matrix)
    }
}

/// The engine of the root proof: [`RootDevice`] with this processor's best kernel, and [`RootTranscript`].
pub struct RootEngine {
    device: RootDevice,
}

impl RootEngine {
    /// An engine with a given kernel.
    pub fn with_kernel(params: SystemParams, kernel: Kernel) -> Self {
        Self { device: RootDevice::new(SC::default_from_params(params), kernel) }
    }
}

impl StarkEngine for RootEngine {
    type SC = SC;
    type PB = PB;
    type PD = RootDevice;
    type TS = RootTranscript;

    fn new(params: SystemParams) -> Self {
        Self::with_kernel(params, Kernel::best())
    }

    fn config(&self) -> &SC {
        self.device.config()
    }

    fn device(&self) -> &RootDevice {
        &self.device
    }

    fn initial_transcript(&self) -> RootTranscript {
        RootTranscript::from(default_bn254_poseidon2_width3())
    }

    fn prover_from_transcript(
        &self,
        transcript: RootTranscript,
    ) -> Coordinator<SC, PB, RootDevice, RootTranscript> {
        Coordinator::new(CpuBackend::new(), self.device.clone(), transcript)
    }
}
