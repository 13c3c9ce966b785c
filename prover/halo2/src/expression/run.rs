//! Runs of a program over the rows of its columns.

use std::mem;

use halo2curves::{bn256::Fr, ff::Field};
use rayon::prelude::*;
use zeno_bn254::{KernelDispatch, KernelTask, Lanes, MAX_LANES, with_best_kernel};

use crate::{
    expression::{
        compile::{Instruction, Program},
        graph::Poly,
    },
    fft::Fft,
};

/// Rows of a block. A register is 2.5 KiB.
const BLOCK: usize = 64;
/// Rows of a task, for which the registers are set up once.
const TASK: usize = 1 << 12;

/// Coset of the rows' points: a program's columns have their values at shift · w^0, shift · w^1, ….
#[derive(Clone, Copy)]
pub(crate) struct Coset<'a> {
    pub(crate) fft: &'a Fft,
    pub(crate) shift: Fr,
}

/// A program with its columns, of n values each.
#[derive(Clone, Copy)]
struct Evaluation<'a> {
    program: &'a Program,
    columns: &'a [&'a [Fr]],
    coset: Coset<'a>,
}

/// Memory of a program's run, for one thread.
struct Scratch<L> {
    /// Registers [BLOCK / LANES vectors each].
    registers: Vec<Vec<L>>,
    /// Powers w^0, w^1, … of a block's rows.
    powers: Vec<L>,
    /// A column's rows that wrap around its end.
    wrapped: Vec<Fr>,
}

impl Evaluation<'_> {
    /// Makes registers, with the constants in theirs.
    fn scratch<L: Lanes>(&self) -> Scratch<L> {
        let zero = L::splat(&L::factor(Fr::ZERO));
        let mut registers = vec![vec![zero; BLOCK / L::LANES]; self.program.registers];
        for (register, value) in &self.program.constants {
            registers[*register].fill(L::splat(&L::factor(*value)));
        }
        let fft = self.coset.fft;
        let powers: Vec<Fr> = (0..BLOCK).map(|row| fft.root_power(row % fft.len())).collect();
        let powers = powers.chunks_exact(L::LANES).map(L::factors).collect();
        Scratch { registers, powers, wrapped: vec![Fr::ZERO; BLOCK] }
    }

    /// Computes the outputs at the rows of the block from `first`. A block may have more rows than there are, because
    /// the rows are a circle.
    fn block<L: Lanes>(self, first: usize, scratch: &mut Scratch<L>) {
        L::enable(Block { evaluation: self, first, scratch });
    }
}

/// Values of a column at the rows of a block from `start`. They are copied to `wrapped` if they wrap around its end.
fn view<'a>(column: &'a [Fr], start: usize, wrapped: &'a mut [Fr]) -> &'a [Fr] {
    match column.get(start..start + BLOCK) {
        Some(rows) => rows,
        None => {
            let circle = column[start..].iter().chain(column.iter().cycle());
            wrapped.iter_mut().zip(circle).for_each(|(copy, value)| *copy = *value);
            wrapped
        }
    }
}

/// Task that runs the instructions on a block.
struct Block<'a, L> {
    evaluation: Evaluation<'a>,
    first: usize,
    scratch: &'a mut Scratch<L>,
}

impl<L: Lanes> KernelTask for Block<'_, L> {
    #[inline(always)]
    fn run(self) {
        let Evaluation { program, columns, coset } = self.evaluation;
        let n = coset.fft.len();
        let Scratch { registers, powers, wrapped } = self.scratch;
        for instruction in &program.instructions {
            let (Instruction::Load { target, .. }
            | Instruction::X { target, .. }
            | Instruction::Settle(target)
            | Instruction::Add(_, target)
            | Instruction::Sub(_, target)
            | Instruction::Mul(_, target)) = *instruction;
            let mut cells = mem::take(&mut registers[target]);
            // No closures here: they would not be compiled with the kernel's instructions.
            match *instruction {
                Instruction::Load { column, rotation, .. } => {
                    let start = (self.first as i64 + i64::from(rotation)).rem_euclid(n as i64) as usize;
                    let values = view(columns[column], start, wrapped).chunks_exact(L::LANES);
                    for (cell, values) in cells.iter_mut().zip(values) {
                        *cell = L::load_factors(values);
                    }
                }
                Instruction::X { factor, .. } => {
                    let start = factor * coset.shift * coset.fft.root_power(self.first);
                    let start = L::splat(&L::factor(start));
                    for (cell, power) in cells.iter_mut().zip(&*powers) {
                        *cell = power.mul(start);
                    }
                }
                Instruction::Settle(_) => {
                    for cell in &mut cells {
                        *cell = cell.settle();
                    }
                }
                Instruction::Add([a, b], _) => {
                    for ((cell, a), b) in cells.iter_mut().zip(&registers[a]).zip(&registers[b]) {
                        *cell = a.add(*b);
                    }
                }
                Instruction::Sub([a, b], _) => {
                    for ((cell, a), b) in cells.iter_mut().zip(&registers[a]).zip(&registers[b]) {
                        *cell = a.sub(*b);
                    }
                }
                Instruction::Mul([a, b], _) => {
                    for ((cell, a), b) in cells.iter_mut().zip(&registers[a]).zip(&registers[b]) {
                        *cell = a.mul(*b);
                    }
                }
            }
            registers[target] = cells;
        }
    }
}

/// Task that replaces each value by `factor` times it plus the output.
struct Accumulate<'a, L> {
    output: &'a [L],
    values: &'a mut [Fr],
    factor: Fr,
}

impl<L: Lanes> KernelTask for Accumulate<'_, L> {
    #[inline(always)]
    fn run(self) {
        let factor = L::factor(self.factor);
        for (values, output) in self.values.chunks_mut(L::LANES).zip(self.output) {
            // The last values of a column with few rows don't fill the lanes.
            let mut cells = [Fr::ZERO; MAX_LANES];
            cells[..values.len()].copy_from_slice(values);
            L::load(&cells).scale(&factor).add(output.to_elements()).store(&mut cells);
            values.copy_from_slice(&cells[..values.len()]);
        }
    }
}

/// Task that replaces each value by the output.
struct Store<'a, L> {
    output: &'a [L],
    values: &'a mut [Fr],
}

impl<L: Lanes> KernelTask for Store<'_, L> {
    #[inline(always)]
    fn run(self) {
        for (values, output) in self.values.chunks_mut(L::LANES).zip(self.output) {
            let mut cells = [Fr::ZERO; MAX_LANES];
            output.to_elements().store(&mut cells);
            values.copy_from_slice(&cells[..values.len()]);
        }
    }
}

/// Run that replaces all values by the first output, or by `factor` times them plus that output.
struct Compute<'a> {
    evaluation: Evaluation<'a>,
    values: &'a mut [Fr],
    factor: Option<Fr>,
}

impl KernelDispatch for Compute<'_> {
    type Output = ();

    fn with<L: Lanes>(self) {
        let Self { evaluation, values, factor } = self;
        values.par_chunks_mut(TASK).enumerate().for_each_init(
            || evaluation.scratch::<L>(),
            |scratch, (task, values)| {
                for (block, values) in values.chunks_mut(BLOCK).enumerate() {
                    evaluation.block(task * TASK + block * BLOCK, scratch);
                    let output = &scratch.registers[evaluation.program.outputs[0]];
                    match factor {
                        Some(factor) => L::enable(Accumulate { output, values, factor }),
                        None => L::enable(Store { output, values }),
                    }
                }
            },
        );
    }
}

/// Run that finds the first row at which an output isn't zero, and the first such output there.
struct FindNonzero<'a>(Evaluation<'a>);

impl KernelDispatch for FindNonzero<'_> {
    type Output = Option<(usize, usize)>;

    fn with<L: Lanes>(self) -> Self::Output {
        let evaluation = self.0;
        let n = evaluation.coset.fft.len();
        (0..n.div_ceil(BLOCK))
            .into_par_iter()
            .map_init(
                || evaluation.scratch::<L>(),
                |scratch, index| {
                    let start = index * BLOCK;
                    evaluation.block(start, scratch);
                    let mut values = [Fr::ZERO; BLOCK];
                    let values = &mut values[..BLOCK.min(n)];
                    let outputs =
                        evaluation.program.outputs.iter().enumerate().filter_map(|(index, output)| {
                            L::enable(Store { output: &scratch.registers[*output], values: &mut *values });
                            let row = values.iter().position(|value| *value != Fr::ZERO)?;
                            Some((start + row, index))
                        });
                    outputs.min()
                },
            )
            .find_first(Option::is_some)
            .flatten()
    }
}

impl Program {
    /// Columns that the program reads.
    pub(crate) fn polys(&self) -> &[Poly] {
        &self.polys
    }

    /// Looks up the columns that the program reads.
    fn columns<'a>(&self, column: impl Fn(Poly) -> &'a [Fr]) -> Vec<&'a [Fr]> {
        self.polys.iter().map(|poly| column(*poly)).collect()
    }

    /// Replaces each value by `factor` times it plus the first output.
    pub(crate) fn accumulate<'a>(
        &self,
        column: impl Fn(Poly) -> &'a [Fr],
        coset: Coset<'_>,
        values: &mut [Fr],
        factor: Fr,
    ) {
        let evaluation = Evaluation { program: self, columns: &self.columns(column), coset };
        with_best_kernel(Compute { evaluation, values, factor: Some(factor) });
    }

    /// Computes the first output's values at all rows.
    pub(crate) fn evaluate<'a>(&self, column: impl Fn(Poly) -> &'a [Fr], coset: Coset<'_>) -> Vec<Fr> {
        let mut values = vec![Fr::ZERO; coset.fft.len()];
        let evaluation = Evaluation { program: self, columns: &self.columns(column), coset };
        with_best_kernel(Compute { evaluation, values: &mut values, factor: None });
        values
    }

    /// Finds the first row at which an output isn't zero, and the first such output there.
    pub(crate) fn find_nonzero<'a>(
        &self,
        column: impl Fn(Poly) -> &'a [Fr],
        coset: Coset<'_>,
    ) -> Option<(usize, usize)> {
        with_best_kernel(FindNonzero(Evaluation { program: self, columns: &self.columns(column), coset }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::graph::{Graph, Node, Operation};
    use rand_chacha::ChaCha20Rng;
    use rand_core::{RngCore, SeedableRng};
    use zeno_bn254::Portable;

    impl Program {
        /// Computes the first output's values, and `factor` times `before` plus them, by the best kernel and the
        /// portable one.
        fn both_kernels<'a>(
            &self,
            column: impl Fn(Poly) -> &'a [Fr] + Copy,
            coset: Coset<'_>,
            before: &[Fr],
            factor: Fr,
        ) -> [[Vec<Fr>; 2]; 2] {
            let mut accumulated = before.to_vec();
            self.accumulate(column, coset, &mut accumulated, factor);
            let evaluation = Evaluation { program: self, columns: &self.columns(column), coset };
            let portable = [None, Some(factor)].map(|factor| {
                let mut values = before.to_vec();
                Compute { evaluation, values: &mut values, factor }.with::<Portable>();
                values
            });
            [[self.evaluate(column, coset), accumulated], portable]
        }
    }

    /// Makes a graph of 200 random operations on three advice columns, with rotations over both ends.
    fn random_graph(rng: &mut ChaCha20Rng) -> (Graph, Vec<Node>) {
        let mut graph = Graph::default();
        let mut nodes = vec![graph.x(), graph.constant(Fr::ZERO), graph.constant(Fr::ONE)];
        for column in 0..3 {
            for rotation in [-700, -1, 0, 1, 5] {
                nodes.push(graph.column(Poly::Advice(column), rotation));
            }
        }
        for _ in 0..200 {
            let pick = |rng: &mut ChaCha20Rng| nodes[rng.next_u32() as usize % nodes.len()];
            let (a, b) = (pick(rng), pick(rng));
            let node = match rng.next_u32() % 3 {
                0 => graph.add(a, b),
                1 => graph.sub(a, b),
                _ => graph.mul(a, b),
            };
            nodes.push(node);
        }
        (graph, nodes)
    }

    /// Computes all nodes' values at a row, one operation after another.
    fn plain(operations: &[Operation], columns: &[Vec<Fr>], coset: Coset<'_>, row: usize) -> Vec<Fr> {
        let mut values: Vec<Fr> = Vec::new();
        for operation in operations {
            let at = |node: Node| values[node.0 as usize];
            let value = match *operation {
                Operation::Constant(value) => value,
                Operation::Column(Poly::Advice(column), rotation) => {
                    let row = (row as i64 + i64::from(rotation)).rem_euclid(coset.fft.len() as i64);
                    columns[column][row as usize]
                }
                Operation::Column(..) => unreachable!("only advice here"),
                Operation::X(factor) => factor * coset.shift * coset.fft.root_power(row),
                Operation::Add(a, b) => at(a) + at(b),
                Operation::Sub(a, b) => at(a) - at(b),
                Operation::Mul(a, b) => at(a) * at(b),
            };
            values.push(value);
        }
        values
    }

    #[test]
    fn programs_agree_with_plain_evaluation() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        for k in [0, 1, 3, 6, 7, 10] {
            let fft = Fft::new(k);
            let coset = Coset { fft: &fft, shift: Fr::random(&mut rng) };
            let columns: Vec<Vec<Fr>> =
                (0..3).map(|_| (0..fft.len()).map(|_| Fr::random(&mut rng)).collect()).collect();
            let (mut graph, nodes) = random_graph(&mut rng);
            let operations = graph.operations.clone();
            let plain = |row: usize| plain(&operations, &columns, coset, row);
            let column = |poly| match poly {
                Poly::Advice(index) => &columns[index][..],
                _ => unreachable!("only advice here"),
            };
            let last = *nodes.last().unwrap();
            for output in [last, nodes[100], nodes[150], nodes[0], nodes[1], nodes[5]] {
                let program = graph.compile(&[output]);
                let (before, factor) = (Fr::random(&mut rng), Fr::random(&mut rng));
                let both = program.both_kernels(column, coset, &vec![before; fft.len()], factor);
                for row in (0..fft.len().min(70)).chain(fft.len().saturating_sub(70)..fft.len()) {
                    let expected = plain(row)[output.0 as usize];
                    for [computed, accumulated] in &both {
                        assert_eq!(computed[row], expected, "k {k}, row {row}");
                        assert_eq!(accumulated[row], before * factor + expected, "k {k}, row {row}");
                    }
                }
            }
            // All outputs at once: each node less its value in the last row.
            let expected = plain(fft.len() - 1);
            let differences: Vec<Node> = nodes
                .iter()
                .map(|node| {
                    let value = graph.constant(expected[node.0 as usize]);
                    graph.sub(*node, value)
                })
                .collect();
            let found = graph.compile(&differences).find_nonzero(column, coset);
            let broken = (0..fft.len()).find_map(|row| {
                let values = plain(row);
                let differs = |node: &Node| values[node.0 as usize] != expected[node.0 as usize];
                Some((row, nodes.iter().position(differs)?))
            });
            assert_eq!(found, broken, "k {k}");
        }
    }

    #[test]
    fn the_first_broken_row_is_found() {
        let fft = Fft::new(10);
        let mut column = vec![Fr::ZERO; fft.len()];
        (column[700], column[300], column[301]) = (Fr::ONE, Fr::ONE, Fr::ONE);
        let mut graph = Graph::default();
        let outputs = [graph.column(Poly::Fixed(1), 0), graph.column(Poly::Fixed(0), 1)];
        let zero = vec![Fr::ZERO; fft.len()];
        let coset = Coset { fft: &fft, shift: Fr::ONE };
        let found = graph
            .compile(&outputs)
            .find_nonzero(|poly| if poly == Poly::Fixed(0) { &column } else { &zero }, coset);
        assert_eq!(found, Some((299, 1)));
    }
}
