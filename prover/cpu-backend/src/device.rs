//! The device and its engine.

use openvm_cpu_backend::{CpuBackend, CpuDevice as StockDevice, CpuProverError};
use openvm_stark_backend::{
    FiatShamirTranscript, StarkEngine, StarkProtocolConfig, SystemParams,
    keygen::types::MultiStarkProvingKey,
    proof::{BatchConstraintProof, GkrProof, StackingProof, WhirProof},
    prover::{
        ColMajorMatrix, Coordinator, DeviceDataTransporter, DeviceMultiStarkProvingKey, MultiRapProver,
        OpeningProver, ProverBackend, ProverDevice, ProvingContext, TraceCommitter,
        stacked_pcs::StackedPcsData,
    },
};
use openvm_stark_sdk::config::baby_bear_poseidon2::{BabyBearPoseidon2Config, CpuTranscript};
use p3_baby_bear::default_babybear_poseidon2_16;
use p3_matrix::dense::RowMajorMatrix;

use crate::{
    batch,
    field::{EF, F},
};

type PcsData<SC> = <CpuBackend<SC> as ProverBackend>::PcsData;

/// Proves with this crate's kernels what they are for, and with the stock device the rest. Its matrices are the
/// stock backend's, so that traces and keys made for that serve here.
#[derive(Clone)]
pub struct Device<SC> {
    stock: StockDevice<SC>,
}

impl<SC: StarkProtocolConfig> Device<SC> {
    /// A device for the parameters of `config`.
    pub fn new(config: SC) -> Self {
        Self { stock: StockDevice::new(config) }
    }

    /// The configuration that the device was made with.
    pub fn config(&self) -> &SC {
        self.stock.config()
    }
}

impl<SC, TS> ProverDevice<CpuBackend<SC>, TS> for Device<SC>
where
    SC: StarkProtocolConfig<F = F, EF = EF>,
    TS: FiatShamirTranscript<SC>,
{
    type Error = CpuProverError;
    type DeviceCtx = ();

    fn device_ctx(&self) -> &() {
        &()
    }
}

impl<SC: StarkProtocolConfig<F = F, EF = EF>> TraceCommitter<CpuBackend<SC>> for Device<SC> {
    type Error = CpuProverError;

    fn commit(&self, traces: &[&RowMajorMatrix<F>]) -> Result<(SC::Digest, PcsData<SC>), Self::Error> {
        self.stock.commit(traces)
    }
}

impl<SC, TS> MultiRapProver<CpuBackend<SC>, TS> for Device<SC>
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
        let (gkr, batch, point) = batch::prove(transcript, key, context)?;
        Ok(((gkr, batch), point))
    }
}

impl<SC, TS> OpeningProver<CpuBackend<SC>, TS> for Device<SC>
where
    SC: StarkProtocolConfig<F = F, EF = EF>,
    TS: FiatShamirTranscript<SC>,
{
    type OpeningProof = (StackingProof<SC>, WhirProof<SC>);
    type OpeningPoints = Vec<EF>;
    type Error = CpuProverError;

    fn prove_openings(
        &self,
        transcript: &mut TS,
        key: &DeviceMultiStarkProvingKey<CpuBackend<SC>>,
        context: ProvingContext<CpuBackend<SC>>,
        committed: PcsData<SC>,
        point: Vec<EF>,
    ) -> Result<Self::OpeningProof, Self::Error> {
        self.stock.prove_openings(transcript, key, context, committed, point)
    }
}

impl<SC: StarkProtocolConfig<F = F, EF = EF>> DeviceDataTransporter<SC, CpuBackend<SC>> for Device<SC> {
    fn transport_pk_to_device(
        &self,
        key: &MultiStarkProvingKey<SC>,
    ) -> DeviceMultiStarkProvingKey<CpuBackend<SC>> {
        self.stock.transport_pk_to_device(key)
    }

    fn transport_matrix_to_device(&self, matrix: &ColMajorMatrix<F>) -> RowMajorMatrix<F> {
        self.stock.transport_matrix_to_device(matrix)
    }

    fn transport_pcs_data_to_device(&self, data: &StackedPcsData<F, SC::Digest>) -> PcsData<SC> {
        self.stock.transport_pcs_data_to_device(data)
    }

    fn transport_matrix_from_device_to_host(&self, matrix: &RowMajorMatrix<F>) -> ColMajorMatrix<F> {
        DeviceDataTransporter::<SC, CpuBackend<SC>>::transport_matrix_from_device_to_host(&self.stock, matrix)
    }
}

/// The engine of all layers over BabyBear with Poseidon2: the machine's segments and their aggregation.
pub struct Engine {
    device: Device<BabyBearPoseidon2Config>,
}

impl StarkEngine for Engine {
    type SC = BabyBearPoseidon2Config;
    type PB = CpuBackend<Self::SC>;
    type PD = Device<Self::SC>;
    type TS = CpuTranscript;

    fn new(params: SystemParams) -> Self {
        let config = BabyBearPoseidon2Config::default_from_params(params);
        Self { device: Device::new(config) }
    }

    fn config(&self) -> &Self::SC {
        self.device.config()
    }

    fn device(&self) -> &Self::PD {
        &self.device
    }

    fn initial_transcript(&self) -> Self::TS {
        CpuTranscript::from(default_babybear_poseidon2_16())
    }

    fn prover_from_transcript(
        &self,
        transcript: Self::TS,
    ) -> Coordinator<Self::SC, Self::PB, Self::PD, Self::TS> {
        Coordinator::new(CpuBackend::new(), self.device.clone(), transcript)
    }
}
