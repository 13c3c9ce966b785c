//! The prover device: the stages of a proof in the order of the protocol.

use openvm_cpu_backend::{CpuBackend, CpuDevice as OpenVmDevice, CpuProverError};
use openvm_stark_backend::{
    FiatShamirTranscript, StarkProtocolConfig, SystemParams,
    keygen::types::MultiStarkProvingKey,
    poly_common::Squarable,
    proof::{BatchConstraintProof, GkrProof, StackingProof, WhirProof},
    prover::{
        ColMajorMatrix, DeviceDataTransporter, DeviceMultiStarkProvingKey, MultiRapProver, OpeningProver,
        ProverBackend, ProverDevice, ProvingContext, TraceCommitter, error::WhirProverError,
        stacked_pcs::StackedPcsData, stacked_reduction::prove_stacked_opening_reduction,
    },
};
use p3_matrix::dense::RowMajorMatrix;
use tracing::{info_span, instrument};

use crate::{
    commit::{
        merkle_tree::merkle_tree,
        reed_solomon::{codeword, message},
        stacked_matrix::stack,
    },
    field::{EF, F},
    hash::Hashing,
    open::{stacked_reduction::StackedReduction, whir},
    params::Params,
    zerocheck::batch_sumcheck,
};

type PcsData<SC> = <CpuBackend<SC> as ProverBackend>::PcsData;

/// A device for the configuration `SC`, with Merkle trees hashed by `H`. Matrices and committed data have the types of
/// OpenVM's backend, so that traces and keys made for it serve here.
#[derive(Clone)]
pub struct Device<SC, H> {
    openvm: OpenVmDevice<SC>,
    hashing: H,
}

impl<SC: StarkProtocolConfig, H> Device<SC, H> {
    /// A device with the parameters of `config`.
    pub fn new(config: SC, hashing: H) -> Self {
        Self { openvm: OpenVmDevice::new(config), hashing }
    }

    /// Configuration that the device was made with.
    pub fn config(&self) -> &SC {
        self.openvm.config()
    }
}

impl<SC: StarkProtocolConfig, H> Params for Device<SC, H> {
    fn params(&self) -> &SystemParams {
        self.openvm.params()
    }
}

impl<SC, TS, H> ProverDevice<CpuBackend<SC>, TS> for Device<SC, H>
where
    SC: StarkProtocolConfig<F = F, EF = EF>,
    TS: FiatShamirTranscript<SC>,
    H: Hashing<SC>,
{
    type Error = CpuProverError;
    type DeviceCtx = ();

    fn device_ctx(&self) -> &() {
        &()
    }
}

impl<SC, H> TraceCommitter<CpuBackend<SC>> for Device<SC, H>
where
    SC: StarkProtocolConfig<F = F, EF = EF>,
    H: Hashing<SC>,
{
    type Error = CpuProverError;

    #[instrument(level = "info", name = "prover.commit", skip_all)]
    fn commit(&self, traces: &[&RowMajorMatrix<F>]) -> Result<(SC::Digest, PcsData<SC>), Self::Error> {
        let params = self.params();
        let (matrix, layout) =
            info_span!("stack").in_scope(|| stack(params.l_skip, params.n_stack, traces))?;
        let rows =
            info_span!("encode").in_scope(|| codeword(message(params.l_skip, &matrix), params.log_blowup));
        let tree = info_span!("merkle")
            .in_scope(|| merkle_tree::<SC, H>(&self.hashing, rows, 1 << params.k_whir()))?;
        Ok((tree.root()?, PcsData::<SC>::new(layout, matrix, tree)))
    }
}

impl<SC, TS, H> MultiRapProver<CpuBackend<SC>, TS> for Device<SC, H>
where
    SC: StarkProtocolConfig<F = F, EF = EF>,
    TS: FiatShamirTranscript<SC>,
{
    type PartialProof = (GkrProof<SC>, BatchConstraintProof<SC>);
    type Artifacts = Vec<EF>;
    type Error = CpuProverError;

    fn prove_rap_constraints(
        &self,
        transcript: &mut TS,
        key: &DeviceMultiStarkProvingKey<CpuBackend<SC>>,
        context: &ProvingContext<CpuBackend<SC>>,
        _committed: &PcsData<SC>,
    ) -> Result<(Self::PartialProof, Self::Artifacts), Self::Error> {
        let (gkr, batch, point) = batch_sumcheck::prove(transcript, key, context)?;
        Ok(((gkr, batch), point))
    }
}

impl<SC, TS, H> OpeningProver<CpuBackend<SC>, TS> for Device<SC, H>
where
    SC: StarkProtocolConfig<F = F, EF = EF>,
    TS: FiatShamirTranscript<SC>,
    H: Hashing<SC>,
{
    type OpeningProof = (StackingProof<SC>, WhirProof<SC>);
    type OpeningPoints = Vec<EF>;
    type Error = CpuProverError;

    #[instrument(level = "info", name = "prover.openings", skip_all)]
    fn prove_openings(
        &self,
        transcript: &mut TS,
        key: &DeviceMultiStarkProvingKey<CpuBackend<SC>>,
        context: ProvingContext<CpuBackend<SC>>,
        common_main: PcsData<SC>,
        point: Vec<EF>,
    ) -> Result<Self::OpeningProof, Self::Error> {
        let params = self.params();
        // Commitments in the protocol's order, and for each of their matrices whether it is also opened at the next
        // row.
        let mut need_rot = vec![Vec::new()];
        let mut others = Vec::new();
        for (air, trace) in &context.per_trace {
            let key = &key.per_air[*air];
            need_rot[0].push(key.vk.params.need_rot);
            for committed in key.preprocessed_data.iter().chain(&trace.cached_mains) {
                need_rot.push(vec![key.vk.params.need_rot]);
                others.push(committed.data.clone());
            }
        }
        drop(context);

        let stacked: Vec<&PcsData<SC>> =
            [&common_main].into_iter().chain(others.iter().map(AsRef::as_ref)).collect();
        let committed: Vec<_> = stacked.iter().map(|data| (&data.matrix, &data.tree)).collect();
        let (stacking_proof, u_prism) = info_span!("stacking").in_scope(|| {
            prove_stacked_opening_reduction::<SC, CpuBackend<SC>, Self, TS, StackedReduction<'_, SC>>(
                self,
                transcript,
                params.n_stack,
                stacked,
                need_rot,
                &point,
            )
        });
        let (u_first, u_rest) = u_prism.split_first().ok_or(WhirProverError::UPrismaEmpty)?;
        let u: Vec<EF> =
            u_first.exp_powers_of_2().take(params.l_skip).chain(u_rest.iter().copied()).collect();
        let whir_proof = whir::prove::<SC, TS, H>(&self.hashing, transcript, params, &committed, &u)?;
        Ok((stacking_proof, whir_proof))
    }
}

impl<SC, H> DeviceDataTransporter<SC, CpuBackend<SC>> for Device<SC, H>
where
    SC: StarkProtocolConfig<F = F, EF = EF>,
{
    fn transport_pk_to_device(
        &self,
        key: &MultiStarkProvingKey<SC>,
    ) -> DeviceMultiStarkProvingKey<CpuBackend<SC>> {
        self.openvm.transport_pk_to_device(key)
    }

    fn transport_matrix_to_device(&self, matrix: &ColMajorMatrix<F>) -> RowMajorMatrix<F> {
        self.openvm.transport_matrix_to_device(matrix)
    }

    fn transport_pcs_data_to_device(&self, data: &StackedPcsData<F, SC::Digest>) -> PcsData<SC> {
        self.openvm.transport_pcs_data_to_device(data)
    }

    fn transport_matrix_from_device_to_host(&self, matrix: &RowMajorMatrix<F>) -> ColMajorMatrix<F> {
        DeviceDataTransporter::<SC, CpuBackend<SC>>::transport_matrix_from_device_to_host(
            &self.openvm,
            matrix,
        )
    }
}
