//! Circuits, transcripts, and halo2's prover and verifier, for the tests.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io;

use halo2_base::gates::{
    GateInstructions, RangeInstructions,
    circuit::{BaseCircuitParams, CircuitBuilderStage, builder::BaseCircuitBuilder},
    flex_gate::MultiPhaseThreadBreakPoints,
};
use halo2_proofs::{
    circuit::{Layouter, SimpleFloorPlanner, Value},
    plonk::{
        self, Advice, Assigned, Circuit, Column, ConstraintSystem, Expression, Fixed, Instance, Selector,
        TableColumn, VerifyingKey, create_proof_from_advice, keygen_pk, keygen_vk_custom, verify_proof,
    },
    poly::{
        Rotation,
        kzg::{
            commitment::{KZGCommitmentScheme, ParamsKZG},
            multiopen::{ProverSHPLONK, VerifierSHPLONK},
            strategy::SingleStrategy,
        },
    },
    transcript::{
        Blake2bRead, Blake2bWrite, Challenge255, EncodedChallenge, Keccak256Read, Keccak256Write, Transcript,
        TranscriptReadBuffer, TranscriptWrite, TranscriptWriterBuffer,
    },
};
use halo2curves::{
    bn256::{Bn256, Fr, G1Affine},
    ff::Field,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use zeno_halo2::{Error, MemorySrs, ProvingKey, keygen, prove, synthesize};

pub(crate) type Instances = Vec<Vec<Fr>>;

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// Makes a reference string from a fixed seed.
pub(crate) fn params(k: u32) -> ParamsKZG<Bn256> {
    ParamsKZG::setup(k, rng(u64::from(k)))
}

// --- A circuit with everything that the prover supports.

/// Shape of a [`Mixed`] circuit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shape {
    pub(crate) k: u32,
    /// Number of advice columns, three or more. Those from the third on are under copy constraints.
    pub(crate) advice: usize,
    /// Degree of the highest gate, 3 or more.
    pub(crate) degree: usize,
    /// Lookup, if there is one, which makes the degree 4 or more. It says whether the inputs differ.
    pub(crate) lookup: Option<bool>,
}

impl Default for Shape {
    fn default() -> Self {
        Self { k: 6, advice: 5, degree: 4, lookup: Some(true) }
    }
}

/// Circuit with gates that rotate in both directions, copies between advice, fixed and instance columns, and a lookup
/// of pairs if wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mixed {
    pub(crate) shape: Shape,
    pub(crate) witness: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct MixedConfig {
    shape: Shape,
    advice: Vec<Column<Advice>>,
    constants: Column<Fixed>,
    factors: Column<Fixed>,
    table: [TableColumn; 2],
    instance: Column<Instance>,
    multiply: Selector,
    rotate: Selector,
    power: Selector,
    inputs: [Column<Advice>; 2],
}

/// Rows of a block of the circuit.
const BLOCK: usize = 4;
/// Rows of the lookup table.
const TABLE: u64 = 16;

impl Mixed {
    pub(crate) fn new(shape: Shape, witness: u64) -> Self {
        Self { shape, witness }
    }

    fn blocks(&self) -> usize {
        ((1 << self.shape.k) - 16) / BLOCK
    }

    /// Values x and y of each block. Their products are public.
    fn inputs(&self) -> Vec<[Fr; 2]> {
        let mut rng = rng(self.witness);
        (0..self.blocks()).map(|_| [Fr::random(&mut rng), Fr::random(&mut rng)]).collect()
    }

    pub(crate) fn instances(&self) -> Instances {
        vec![self.inputs().iter().map(|[x, y]| x * y).collect()]
    }
}

impl Circuit<Fr> for Mixed {
    type Config = MixedConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Shape;

    fn without_witnesses(&self) -> Self {
        *self
    }

    fn params(&self) -> Shape {
        self.shape
    }

    fn configure(_: &mut ConstraintSystem<Fr>) -> MixedConfig {
        unreachable!("it has parameters")
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, shape: Shape) -> MixedConfig {
        let advice: Vec<_> = (0..shape.advice).map(|_| meta.advice_column()).collect();
        let [constants, factors] = [(); 2].map(|_| meta.fixed_column());
        let table = [(); 2].map(|_| meta.lookup_table_column());
        let instance = meta.instance_column();
        advice[2..].iter().for_each(|column| meta.enable_equality(*column));
        meta.enable_equality(constants);
        meta.enable_equality(instance);
        let [multiply, rotate, power] = [(); 3].map(|_| meta.selector());
        let inputs = [(); 2].map(|_| meta.advice_column());
        let (a, b, c) = (advice[0], advice[1], advice[2]);
        meta.create_gate("product", |meta| {
            let on = meta.query_selector(multiply);
            let [a, b, c] = [a, b, c].map(|column| meta.query_advice(column, Rotation::cur()));
            vec![on * (a * b - c)]
        });
        meta.create_gate("neighbours", |meta| {
            let on = meta.query_selector(rotate);
            let before = meta.query_advice(b, Rotation::prev());
            let now = meta.query_advice(a, Rotation::cur());
            let after = meta.query_advice(a, Rotation::next());
            let factor = meta.query_fixed(factors, Rotation::next());
            vec![
                ("sum", on.clone() * (before + now.clone() * factor.clone() - after.clone())),
                ("scaled", on * (-(after * Fr::from(3)) + meta.query_advice(c, Rotation(1)))),
            ]
        });
        meta.create_gate("power", |meta| {
            let on = meta.query_selector(power);
            let base = meta.query_advice(a, Rotation::cur());
            let result = meta.query_advice(b, Rotation(2));
            let one = Expression::Constant(Fr::ONE);
            let raised = (1..shape.degree).fold(one, |product, _| product * base.clone());
            vec![on * (raised - result)]
        });
        if shape.lookup.is_some() {
            meta.lookup("squares", |meta| {
                let [root, square] = inputs.map(|column| meta.query_advice(column, Rotation::cur()));
                vec![(root, table[0]), (square, table[1])]
            });
        }
        MixedConfig { shape, advice, constants, factors, table, instance, multiply, rotate, power, inputs }
    }

    fn synthesize(&self, config: MixedConfig, mut layouter: impl Layouter<Fr>) -> Result<(), plonk::Error> {
        assert_eq!(self.shape, config.shape);
        layouter.assign_table(
            || "squares",
            |mut table| {
                for row in 0..TABLE {
                    for (column, value) in config.table.into_iter().zip([row, row * row]) {
                        let value = || Value::known(Fr::from(value));
                        table.assign_cell(|| "entry", column, row as usize, value)?;
                    }
                }
                Ok(())
            },
        )?;
        let mut public = Vec::new();
        layouter.assign_region(
            || "blocks",
            |mut region| {
                let (a, b, c) = (config.advice[0], config.advice[1], config.advice[2]);
                let mut random = rng(self.witness ^ u64::MAX);
                for (block, [x, y]) in self.inputs().into_iter().enumerate() {
                    let row = 1 + block * BLOCK;
                    let [known_x, known_y] = [x, y].map(Value::known);
                    // Row 0: the product, copied over to the other columns.
                    config.multiply.enable(&mut region, row)?;
                    region.assign_advice(a, row, known_x);
                    region.assign_advice(b, row, known_y);
                    // The product as a fraction, with denominator 1 / y.
                    let product = Value::known(Assigned::Rational(x, y.invert().unwrap()));
                    let mut last = region.assign_advice(c, row, product).cell();
                    for (index, column) in config.advice[3..].iter().enumerate() {
                        let copy =
                            region.assign_advice(*column, row + (index + block) % 2, known_x * known_y);
                        region.constrain_equal(last, copy.cell());
                        last = copy.cell();
                    }
                    public.push(last);
                    // Rows 1 and 2: neighbours.
                    config.rotate.enable(&mut region, row + 1)?;
                    let factor = Fr::from(block as u64 + 5);
                    region.assign_fixed(config.factors, row + 2, factor);
                    let now = Fr::random(&mut random);
                    let after = y + now * factor;
                    region.assign_advice(a, row + 1, Value::known(now));
                    region.assign_advice(a, row + 2, Value::known(after));
                    region.assign_advice(c, row + 2, Value::known(after * Fr::from(3)));
                    // Rows 0 and 2: the power.
                    config.power.enable(&mut region, row)?;
                    let raised = x.pow_vartime([self.shape.degree as u64 - 1]);
                    region.assign_advice(b, row + 2, Value::known(raised));
                    // Row 3: a lookup and a constant, half of them as fractions.
                    let root = if self.shape.lookup == Some(true) {
                        u64::from(random.next_u32()) % TABLE
                    } else {
                        0
                    };
                    for (column, value) in config.inputs.into_iter().zip([root, root * root]) {
                        region.assign_advice(column, row + 3, Value::known(Fr::from(value)));
                    }
                    let constant = [Assigned::from(factor), Assigned::Rational(Fr::ONE, factor)][block % 2];
                    let fixed = region.assign_fixed(config.constants, row, constant);
                    let copy = region.assign_advice(c, row + 3, Value::known(constant)).cell();
                    region.constrain_equal(copy, fixed);
                }
                Ok(())
            },
        )?;
        for (row, cell) in public.into_iter().enumerate() {
            layouter.constrain_instance(cell, config.instance, row);
        }
        Ok(())
    }
}

// --- Circuits of the static verifier's type.

/// Circuit of halo2-base: range checks and arithmetic on random numbers.
pub(crate) struct Range {
    pub(crate) builder: BaseCircuitBuilder<Fr>,
    pub(crate) instances: Instances,
}

pub(crate) const LOOKUP_BITS: usize = 5;

/// Builds the circuit for keygen, which fixes its parameters, or for a witness with these parameters. `steps` scales
/// its size.
pub(crate) fn range(
    k: u32,
    steps: usize,
    witness: u64,
    pinned: Option<(BaseCircuitParams, MultiPhaseThreadBreakPoints)>,
) -> Range {
    let mut builder = match &pinned {
        Some((params, breaks)) => BaseCircuitBuilder::prover(params.clone(), breaks.clone()),
        None => BaseCircuitBuilder::from_stage(CircuitBuilderStage::Mock),
    }
    .use_k(k as usize)
    .use_lookup_bits(LOOKUP_BITS)
    .use_instance_columns(1);
    let range = builder.range_chip();
    let mut random = rng(witness);
    let ctx = builder.main(0);
    let mut public = Vec::new();
    for step in 0..steps {
        let a = ctx.load_witness(Fr::from(u64::from(random.next_u32())));
        let b = ctx.load_witness(Fr::from(u64::from(random.next_u32() >> 3)));
        range.range_check(ctx, a, 32);
        range.range_check(ctx, b, 29);
        let sum = range.gate.mul_add(ctx, a, b, halo2_base::QuantumCell::Constant(Fr::from(step as u64)));
        let less = range.is_less_than(ctx, a, b, 32);
        let (quotient, _) = range.div_mod(ctx, a, 7u32, 32);
        let chosen = range.gate.select(ctx, sum, quotient, less);
        public.push(chosen);
    }
    public.truncate(8);
    let instances = vec![public.iter().map(|cell| *cell.value()).collect()];
    builder.assigned_instances[0] = public;
    match pinned {
        Some((params, _)) => builder.set_params(params),
        None => drop(builder.calculate_params(Some(20))),
    }

    Range { builder, instances }
}

// --- Transcripts.

/// Item that a prover writes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Item {
    CommonPoint(G1Affine),
    CommonScalar(Fr),
    Point(G1Affine),
    Scalar(Fr),
}

/// Transcript that records its items. A challenge depends only on the number of challenges before, not on the items.
pub(crate) struct Script {
    challenges: ChaCha20Rng,
    pub(crate) items: Vec<Item>,
}

impl Script {
    pub(crate) fn new(seed: u64) -> Self {
        Self { challenges: rng(seed), items: Vec::new() }
    }
}

impl Transcript<G1Affine, Challenge255<G1Affine>> for Script {
    fn squeeze_challenge(&mut self) -> Challenge255<G1Affine> {
        let mut bytes = [0; 64];
        self.challenges.fill_bytes(&mut bytes);
        Challenge255::new(&bytes)
    }

    fn common_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.items.push(Item::CommonPoint(point));
        Ok(())
    }

    fn common_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.items.push(Item::CommonScalar(scalar));
        Ok(())
    }
}

impl TranscriptWrite<G1Affine, Challenge255<G1Affine>> for Script {
    fn write_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.items.push(Item::Point(point));
        Ok(())
    }

    fn write_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.items.push(Item::Scalar(scalar));
        Ok(())
    }
}

// --- Halo2's prover and ours on the same circuit.

/// Keys of a circuit, from both provers.
pub(crate) struct Both {
    pub(crate) params: ParamsKZG<Bn256>,
    pub(crate) srs: MemorySrs,
    pub(crate) halo2: plonk::ProvingKey<G1Affine>,
    pub(crate) ours: ProvingKey,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) fn both<C: Circuit<Fr>>(k: u32, circuit: &C, compress: bool) -> Both {
    let params = params(k);
    let srs = MemorySrs::from(&params);
    let vk = keygen_vk_custom(&params, circuit, compress).unwrap();
    let halo2 = keygen_pk(&params, vk, circuit).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ours = keygen(&srs, circuit, compress, folder.path().join("key")).unwrap();
    Both { params, srs, halo2, ours, folder }
}

pub(crate) fn columns(instances: &Instances) -> Vec<&[Fr]> {
    instances.iter().map(Vec::as_slice).collect()
}

impl Both {
    pub(crate) fn advice<C: Circuit<Fr>>(&self, circuit: &C, instances: &Instances) -> Vec<Vec<Fr>> {
        synthesize(&self.ours, circuit, &columns(instances)).unwrap()
    }

    pub(crate) fn prove_halo2<T: TranscriptWrite<G1Affine, Challenge255<G1Affine>>>(
        &self,
        advice: Vec<Vec<Fr>>,
        instances: &Instances,
        seed: u64,
        transcript: &mut T,
    ) {
        create_proof_from_advice::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _>(
            &self.params,
            &self.halo2,
            &columns(instances),
            advice,
            rng(seed),
            transcript,
        )
        .unwrap();
    }

    pub(crate) fn prove_ours<T: TranscriptWrite<G1Affine, Challenge255<G1Affine>>>(
        &self,
        advice: Vec<Vec<Fr>>,
        instances: &Instances,
        seed: u64,
        transcript: &mut T,
    ) -> Result<(), Error> {
        prove(&self.srs, &self.ours, advice, &columns(instances), &mut rng(seed), transcript)
    }

    pub(crate) fn blake2b(
        &self,
        advice: Vec<Vec<Fr>>,
        instances: &Instances,
        seed: u64,
    ) -> Result<Vec<u8>, Error> {
        let mut transcript = Blake2bWrite::init(Vec::new());
        self.prove_ours(advice, instances, seed, &mut transcript).map(|()| transcript.finalize())
    }

    pub(crate) fn keccak(
        &self,
        advice: Vec<Vec<Fr>>,
        instances: &Instances,
        seed: u64,
    ) -> Result<Vec<u8>, Error> {
        let mut transcript = Keccak256Write::init(Vec::new());
        self.prove_ours(advice, instances, seed, &mut transcript).map(|()| transcript.finalize())
    }

    pub(crate) fn accepts_blake2b(
        &self,
        vk: &VerifyingKey<G1Affine>,
        proof: &[u8],
        instances: &Instances,
    ) -> bool {
        self.accepts(vk, &mut Blake2bRead::<_, G1Affine, Challenge255<_>>::init(proof), instances)
    }

    pub(crate) fn accepts_keccak(
        &self,
        vk: &VerifyingKey<G1Affine>,
        proof: &[u8],
        instances: &Instances,
    ) -> bool {
        self.accepts(vk, &mut Keccak256Read::<_, G1Affine, Challenge255<_>>::init(proof), instances)
    }

    fn accepts<T: halo2_proofs::transcript::TranscriptRead<G1Affine, Challenge255<G1Affine>>>(
        &self,
        vk: &VerifyingKey<G1Affine>,
        transcript: &mut T,
        instances: &Instances,
    ) -> bool {
        verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
            &self.params,
            vk,
            SingleStrategy::new(&self.params),
            &[&columns(instances)],
            transcript,
        )
        .is_ok()
    }
}
