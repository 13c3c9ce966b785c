//! Expressions over columns, compiled to straight-line programs that run over blocks of rows.
//!
//! A [`Graph`] shares equal subexpressions. [`Graph::compile`] puts what some outputs need in order and gives it
//! registers, each a block of rows wide: an instruction's dispatch is paid once a block, not once a row, and the
//! registers stay in the cache. A register's rows lie in the lanes of a kernel ([`Lanes`]), all of them factors; which
//! ones must be settled before a sum or product is known when the program is compiled.

use std::{collections::HashMap, mem};

use halo2_proofs::plonk::Expression;
use halo2curves::{bn256::Fr, ff::Field};
use rayon::prelude::*;
use zeno_bn254::{Bound, Lanes, MAX_LANES, Task, Work, with_best_lanes};

use crate::fft::Fft;

/// Rows of a block. A register is 2.5 KiB.
const BLOCK: usize = 64;
/// Rows of a task: its registers are set up once.
const TASK: usize = 1 << 12;

/// A polynomial that a proof is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Poly {
    Advice(usize),
    Fixed(usize),
    Instance(usize),
    /// Permutation polynomial of the i-th column of the permutation argument.
    Sigma(usize),
    /// Grand product of the i-th set of columns of the permutation argument.
    PermutationProduct(usize),
    /// A' of the i-th lookup.
    LookupInput(usize),
    /// S' of the i-th lookup.
    LookupTable(usize),
    /// Grand product of the i-th lookup.
    LookupProduct(usize),
    /// l_0: 1 on the first row, 0 on the others.
    FirstRow,
    /// The quotient, its pieces put together.
    Quotient,
    /// The random polynomial of the vanishing argument.
    Random,
}

/// Index of a node in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Operation {
    Constant(Fr),
    Column(Poly, i32),
    /// A multiple of the row's point.
    X(Fr),
    Add(Node, Node),
    Sub(Node, Node),
    Mul(Node, Node),
}

/// Expressions, equal ones stored once.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    operations: Vec<Operation>,
    known: HashMap<Operation, Node>,
}

impl Graph {
    fn node(&mut self, operation: Operation) -> Node {
        *self.known.entry(operation).or_insert_with(|| {
            self.operations.push(operation);
            Node(self.operations.len() as u32 - 1)
        })
    }

    fn value(&self, node: Node) -> Option<Fr> {
        match self.operations[node.0 as usize] {
            Operation::Constant(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn constant(&mut self, value: Fr) -> Node {
        self.node(Operation::Constant(value))
    }

    /// The column's value `rotation` rows further on, the rows being a circle.
    pub(crate) fn column(&mut self, poly: Poly, rotation: i32) -> Node {
        self.node(Operation::Column(poly, rotation))
    }

    pub(crate) fn x(&mut self) -> Node {
        self.node(Operation::X(Fr::ONE))
    }

    pub(crate) fn add(&mut self, a: Node, b: Node) -> Node {
        match (self.value(a), self.value(b)) {
            (Some(a), Some(b)) => self.constant(a + b),
            (Some(Fr::ZERO), None) => b,
            (None, Some(Fr::ZERO)) => a,
            _ => self.node(Operation::Add(a.min(b), a.max(b))),
        }
    }

    pub(crate) fn sub(&mut self, a: Node, b: Node) -> Node {
        match (self.value(a), self.value(b)) {
            (Some(a), Some(b)) => self.constant(a - b),
            (None, Some(Fr::ZERO)) => a,
            _ if a == b => self.constant(Fr::ZERO),
            _ => self.node(Operation::Sub(a, b)),
        }
    }

    pub(crate) fn mul(&mut self, a: Node, b: Node) -> Node {
        match (self.value(a), self.value(b)) {
            (Some(a), Some(b)) => self.constant(a * b),
            (Some(Fr::ZERO), None) | (None, Some(Fr::ONE)) => a,
            (Some(Fr::ONE), None) | (None, Some(Fr::ZERO)) => b,
            (Some(factor), None) => self.scale(b, factor),
            (None, Some(factor)) => self.scale(a, factor),
            (None, None) => self.node(Operation::Mul(a.min(b), a.max(b))),
        }
    }

    fn scale(&mut self, a: Node, factor: Fr) -> Node {
        if let Operation::X(known) = self.operations[a.0 as usize] {
            return self.node(Operation::X(known * factor));
        }
        let b = self.constant(factor);
        self.node(Operation::Mul(a.min(b), a.max(b)))
    }

    /// An expression of the constraint system, free of selectors and challenges.
    pub(crate) fn expression(&mut self, expression: &Expression<Fr>) -> Node {
        match expression {
            Expression::Constant(value) => self.constant(*value),
            Expression::Fixed(query) => self.column(Poly::Fixed(query.column_index()), query.rotation().0),
            Expression::Advice(query) => self.column(Poly::Advice(query.column_index()), query.rotation().0),
            Expression::Instance(query) => {
                self.column(Poly::Instance(query.column_index()), query.rotation().0)
            }
            Expression::Negated(a) => {
                let a = self.expression(a);
                let zero = self.constant(Fr::ZERO);
                self.sub(zero, a)
            }
            Expression::Sum(a, b) => match (&**a, &**b) {
                // Halo2 writes a - b as a + (-b).
                (a, Expression::Negated(b)) => {
                    let (a, b) = (self.expression(a), self.expression(b));
                    self.sub(a, b)
                }
                (a, b) => {
                    let (a, b) = (self.expression(a), self.expression(b));
                    self.add(a, b)
                }
            },
            Expression::Product(a, b) => {
                let (a, b) = (self.expression(a), self.expression(b));
                self.mul(a, b)
            }
            Expression::Scaled(a, factor) => {
                let (a, factor) = (self.expression(a), self.constant(*factor));
                self.mul(a, factor)
            }
            Expression::Selector(_) | Expression::Challenge(_) => {
                unreachable!(
                    "keys replace selectors by fixed columns, and circuits with challenges are refused"
                )
            }
        }
    }

    /// Horner's rule: the nodes, the first times the highest power of `base`. `None` for no nodes.
    pub(crate) fn horner(&mut self, nodes: &[Node], base: Fr) -> Option<Node> {
        let base = self.constant(base);
        nodes.iter().copied().reduce(|sum, node| {
            let sum = self.mul(sum, base);
            self.add(sum, node)
        })
    }

    /// The product of the nodes.
    pub(crate) fn product(&mut self, nodes: &[Node]) -> Node {
        let one = self.constant(Fr::ONE);
        nodes.iter().fold(one, |product, node| self.mul(product, *node))
    }

    /// The program for these outputs.
    pub(crate) fn compile(&self, outputs: &[Node]) -> Program {
        let mut compiler = Compiler::new(self, outputs);
        for (index, operation) in self.operations.iter().enumerate() {
            if let (Operation::Add(..) | Operation::Sub(..) | Operation::Mul(..), true) =
                (operation, compiler.last_use[index] > 0)
            {
                compiler.compute(index);
            }
        }
        compiler.finish(outputs)
    }
}

/// Puts a graph's operations in order.
struct Compiler<'a> {
    graph: &'a Graph,
    /// The last node that has the node as an operand, the largest number for outputs, and 0 for what isn't needed.
    last_use: Vec<usize>,
    places: Vec<Option<Place>>,
    free: Vec<usize>,
    program: Program,
}

/// Where a node's values are, and how large they may be.
#[derive(Clone, Copy)]
struct Place {
    register: usize,
    bound: Bound,
}

impl<'a> Compiler<'a> {
    fn new(graph: &'a Graph, outputs: &[Node]) -> Self {
        let count = graph.operations.len();
        let mut last_use = vec![0; count];
        outputs.iter().for_each(|output| last_use[output.0 as usize] = usize::MAX);
        // A node's operands come before it.
        for index in (0..count).rev() {
            if last_use[index] > 0
                && let Operation::Add(a, b) | Operation::Sub(a, b) | Operation::Mul(a, b) =
                    graph.operations[index]
            {
                for operand in [a, b] {
                    let last_use = &mut last_use[operand.0 as usize];
                    *last_use = index.max(*last_use);
                }
            }
        }
        Self { graph, last_use, places: vec![None; count], free: Vec::new(), program: Program::default() }
    }

    fn register(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| self.new_register())
    }

    fn new_register(&mut self) -> usize {
        self.program.registers += 1;
        self.program.registers - 1
    }

    /// Where the node is: what needs no computing is loaded when it is first needed.
    fn place(&mut self, node: usize) -> Place {
        if let Some(place) = self.places[node] {
            return place;
        }
        let place = match self.graph.operations[node] {
            Operation::Constant(value) => {
                let register = self.new_register();
                self.program.constants.push((register, value));
                Place { register, bound: Bound::SETTLED }
            }
            Operation::Column(poly, rotation) => {
                let register = self.register();
                let polys = &mut self.program.polys;
                let column = polys.iter().position(|known| *known == poly).unwrap_or_else(|| {
                    polys.push(poly);
                    polys.len() - 1
                });
                self.program.steps.push(Step::Load { column, rotation, target: register });
                Place { register, bound: Bound::LOADED_FACTORS }
            }
            Operation::X(factor) => {
                let register = self.register();
                self.program.steps.push(Step::X { factor, target: register });
                let bound = Bound::SETTLED.product(Bound::SETTLED).expect("they are settled");
                Place { register, bound }
            }
            _ => unreachable!("operands are computed before"),
        };
        self.places[node] = Some(place);
        place
    }

    fn settle(&mut self, node: usize) {
        let register = self.place(node).register;
        self.program.steps.push(Step::Settle(register));
        self.places[node] = Some(Place { register, bound: Bound::SETTLED });
    }

    fn compute(&mut self, index: usize) {
        let (a, b, bound_of): (_, _, fn(Bound, Bound) -> _) = match self.graph.operations[index] {
            Operation::Add(a, b) => (a, b, Bound::sum),
            Operation::Sub(a, b) => (a, b, Bound::difference),
            Operation::Mul(a, b) => (a, b, Bound::product),
            _ => unreachable!("it is computed"),
        };
        let [a, b] = [a, b].map(|operand| operand.0 as usize);
        let bound = loop {
            let [at_a, at_b] = [a, b].map(|operand| self.place(operand).bound);
            if let Some(bound) = bound_of(at_a, at_b) {
                break bound;
            }
            self.settle(if at_a.exceeds(at_b) { a } else { b });
        };
        // The target is another register than the operands', so that a step can borrow all three.
        let target = self.register();
        let operands = [a, b].map(|operand| self.place(operand).register);
        self.program.steps.push(match self.graph.operations[index] {
            Operation::Add(..) => Step::Add(operands, target),
            Operation::Sub(..) => Step::Sub(operands, target),
            _ => Step::Mul(operands, target),
        });
        self.places[index] = Some(Place { register: target, bound });
        self.release(a, index);
        if a != b {
            self.release(b, index);
        }
    }

    /// Frees the operand's register if this was its last use. Constants keep theirs for all blocks.
    fn release(&mut self, operand: usize, index: usize) {
        let constant = matches!(self.graph.operations[operand], Operation::Constant(_));
        if self.last_use[operand] == index && !constant {
            let register = self.place(operand).register;
            self.free.push(register);
        }
    }

    fn finish(mut self, outputs: &[Node]) -> Program {
        for output in outputs {
            let output = output.0 as usize;
            if !self.place(output).bound.is_output() {
                self.settle(output);
            }
            let register = self.place(output).register;
            self.program.outputs.push(register);
        }
        self.program
    }
}

/// A step for all rows of a block.
#[derive(Clone, Copy, Debug)]
enum Step {
    Load { column: usize, rotation: i32, target: usize },
    X { factor: Fr, target: usize },
    Settle(usize),
    Add([usize; 2], usize),
    Sub([usize; 2], usize),
    Mul([usize; 2], usize),
}

/// A compiled set of expressions.
#[derive(Debug, Default)]
pub(crate) struct Program {
    polys: Vec<Poly>,
    registers: usize,
    /// Registers that have the same value in all rows.
    constants: Vec<(usize, Fr)>,
    steps: Vec<Step>,
    /// The outputs' registers.
    outputs: Vec<usize>,
}

/// Where a program's columns have their values: at shift · w^0, shift · w^1, ….
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) fft: &'a Fft,
    pub(crate) shift: Fr,
}

/// A program on its columns.
#[derive(Clone, Copy)]
struct On<'a> {
    program: &'a Program,
    columns: &'a [&'a [Fr]],
    rows: Rows<'a>,
}

/// What a program's run needs once a thread.
struct Scratch<L> {
    registers: Vec<Vec<L>>,
    /// Powers of w from 0, as many as a block has rows.
    powers: Vec<L>,
    /// Rows that go over the columns' end.
    rows: Vec<Fr>,
}

impl On<'_> {
    fn scratch<L: Lanes>(&self) -> Scratch<L> {
        let zero = L::splat(&L::factor(Fr::ZERO));
        let mut registers = vec![vec![zero; BLOCK / L::LANES]; self.program.registers];
        for (register, value) in &self.program.constants {
            registers[*register].fill(L::splat(&L::factor(*value)));
        }
        let fft = self.rows.fft;
        let powers: Vec<Fr> = (0..BLOCK).map(|row| fft.root_power(row % fft.len())).collect();
        let powers = powers.chunks_exact(L::LANES).map(L::factors).collect();
        Scratch { registers, powers, rows: vec![Fr::ZERO; BLOCK] }
    }

    /// Computes the outputs at the rows of the block from `first`, which may be more than there are: the rows are a
    /// circle.
    fn block<L: Lanes>(self, first: usize, scratch: &mut Scratch<L>) {
        L::enable(Block { on: self, first, scratch });
    }
}

/// A column's values at the rows of a block from `start`, in `copy` if they go over its end.
fn view<'a>(column: &'a [Fr], start: usize, copy: &'a mut [Fr]) -> &'a [Fr] {
    match column.get(start..start + BLOCK) {
        Some(rows) => rows,
        None => {
            let circle = column[start..].iter().chain(column.iter().cycle());
            copy.iter_mut().zip(circle).for_each(|(copy, value)| *copy = *value);
            copy
        }
    }
}

/// The steps on a block.
struct Block<'a, L> {
    on: On<'a>,
    first: usize,
    scratch: &'a mut Scratch<L>,
}

impl<L: Lanes> Task for Block<'_, L> {
    #[inline(always)]
    fn run(self) {
        let On { program, columns, rows } = self.on;
        let n = rows.fft.len();
        let Scratch { registers, powers, rows: copy } = self.scratch;
        for step in &program.steps {
            let (Step::Load { target, .. }
            | Step::X { target, .. }
            | Step::Settle(target)
            | Step::Add(_, target)
            | Step::Sub(_, target)
            | Step::Mul(_, target)) = *step;
            let mut cells = mem::take(&mut registers[target]);
            // No closures here: they would not be compiled with the kernel's instructions.
            match *step {
                Step::Load { column, rotation, .. } => {
                    let start = (self.first as i64 + i64::from(rotation)).rem_euclid(n as i64) as usize;
                    let values = view(columns[column], start, copy).chunks_exact(L::LANES);
                    for (cell, values) in cells.iter_mut().zip(values) {
                        *cell = L::load_factors(values);
                    }
                }
                Step::X { factor, .. } => {
                    let start = factor * rows.shift * rows.fft.root_power(self.first);
                    let start = L::splat(&L::factor(start));
                    for (cell, power) in cells.iter_mut().zip(&*powers) {
                        *cell = power.mul(start);
                    }
                }
                Step::Settle(_) => {
                    for cell in &mut cells {
                        *cell = cell.settle();
                    }
                }
                Step::Add([a, b], _) => {
                    for ((cell, a), b) in cells.iter_mut().zip(&registers[a]).zip(&registers[b]) {
                        *cell = a.add(*b);
                    }
                }
                Step::Sub([a, b], _) => {
                    for ((cell, a), b) in cells.iter_mut().zip(&registers[a]).zip(&registers[b]) {
                        *cell = a.sub(*b);
                    }
                }
                Step::Mul([a, b], _) => {
                    for ((cell, a), b) in cells.iter_mut().zip(&registers[a]).zip(&registers[b]) {
                        *cell = a.mul(*b);
                    }
                }
            }
            registers[target] = cells;
        }
    }
}

/// Replaces each value by a multiple of it plus the output.
struct Accumulate<'a, L> {
    output: &'a [L],
    values: &'a mut [Fr],
    factor: Fr,
}

impl<L: Lanes> Task for Accumulate<'_, L> {
    #[inline(always)]
    fn run(self) {
        let factor = L::factor(self.factor);
        for (values, output) in self.values.chunks_mut(L::LANES).zip(self.output) {
            // The last ones of a column of few rows don't fill the lanes.
            let mut cells = [Fr::ZERO; MAX_LANES];
            cells[..values.len()].copy_from_slice(values);
            L::load(&cells).scale(&factor).add(output.to_elements()).store(&mut cells);
            values.copy_from_slice(&cells[..values.len()]);
        }
    }
}

/// Replaces each value by the output.
struct Store<'a, L> {
    output: &'a [L],
    values: &'a mut [Fr],
}

impl<L: Lanes> Task for Store<'_, L> {
    #[inline(always)]
    fn run(self) {
        for (values, output) in self.values.chunks_mut(L::LANES).zip(self.output) {
            let mut cells = [Fr::ZERO; MAX_LANES];
            output.to_elements().store(&mut cells);
            values.copy_from_slice(&cells[..values.len()]);
        }
    }
}

/// Replaces all values by the first output, or by `factor` times them plus the output.
struct Compute<'a> {
    on: On<'a>,
    values: &'a mut [Fr],
    factor: Option<Fr>,
}

impl Work for Compute<'_> {
    type Output = ();

    fn with<L: Lanes>(self) {
        let Self { on, values, factor } = self;
        values.par_chunks_mut(TASK).enumerate().for_each_init(
            || on.scratch::<L>(),
            |scratch, (task, values)| {
                for (block, values) in values.chunks_mut(BLOCK).enumerate() {
                    on.block(task * TASK + block * BLOCK, scratch);
                    let output = &scratch.registers[on.program.outputs[0]];
                    match factor {
                        Some(factor) => L::enable(Accumulate { output, values, factor }),
                        None => L::enable(Store { output, values }),
                    }
                }
            },
        );
    }
}

/// Finds the first row at which an output isn't zero, and the first such output there.
struct FindNonzero<'a>(On<'a>);

impl Work for FindNonzero<'_> {
    type Output = Option<(usize, usize)>;

    fn with<L: Lanes>(self) -> Self::Output {
        let on = self.0;
        let n = on.rows.fft.len();
        (0..n.div_ceil(BLOCK))
            .into_par_iter()
            .map_init(
                || on.scratch::<L>(),
                |scratch, index| {
                    let start = index * BLOCK;
                    on.block(start, scratch);
                    let mut values = [Fr::ZERO; BLOCK];
                    let values = &mut values[..BLOCK.min(n)];
                    let outputs = on.program.outputs.iter().enumerate().filter_map(|(index, output)| {
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
    /// The columns that it reads.
    pub(crate) fn polys(&self) -> &[Poly] {
        &self.polys
    }

    fn columns<'a>(&self, column: impl Fn(Poly) -> &'a [Fr]) -> Vec<&'a [Fr]> {
        self.polys.iter().map(|poly| column(*poly)).collect()
    }

    /// Replaces each value by `factor` times it plus the first output.
    pub(crate) fn accumulate<'a>(
        &self,
        column: impl Fn(Poly) -> &'a [Fr],
        rows: Rows<'_>,
        values: &mut [Fr],
        factor: Fr,
    ) {
        let on = On { program: self, columns: &self.columns(column), rows };
        with_best_lanes(Compute { on, values, factor: Some(factor) });
    }

    /// The first output's values at all rows.
    pub(crate) fn evaluate<'a>(&self, column: impl Fn(Poly) -> &'a [Fr], rows: Rows<'_>) -> Vec<Fr> {
        let mut values = vec![Fr::ZERO; rows.fft.len()];
        let on = On { program: self, columns: &self.columns(column), rows };
        with_best_lanes(Compute { on, values: &mut values, factor: None });
        values
    }

    /// The first row at which an output isn't zero, and the first such output there.
    pub(crate) fn find_nonzero<'a>(
        &self,
        column: impl Fn(Poly) -> &'a [Fr],
        rows: Rows<'_>,
    ) -> Option<(usize, usize)> {
        with_best_lanes(FindNonzero(On { program: self, columns: &self.columns(column), rows }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::{RngCore, SeedableRng};
    use zeno_bn254::Portable;

    impl Program {
        /// The first output's values by each kernel, and `factor` times others plus them.
        fn both_kernels<'a>(
            &self,
            column: impl Fn(Poly) -> &'a [Fr] + Copy,
            rows: Rows<'_>,
            before: &[Fr],
            factor: Fr,
        ) -> [[Vec<Fr>; 2]; 2] {
            let mut accumulated = before.to_vec();
            self.accumulate(column, rows, &mut accumulated, factor);
            let on = On { program: self, columns: &self.columns(column), rows };
            let portable = [None, Some(factor)].map(|factor| {
                let mut values = before.to_vec();
                Compute { on, values: &mut values, factor }.with::<Portable>();
                values
            });
            [[self.evaluate(column, rows), accumulated], portable]
        }
    }

    /// A random graph against its operations done one by one, rotations over both ends included.
    #[test]
    fn programs_agree_with_plain_evaluation() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        for k in [0, 1, 3, 6, 7, 10] {
            let fft = Fft::new(k);
            let shift = Fr::random(&mut rng);
            let columns: Vec<Vec<Fr>> =
                (0..3).map(|_| (0..fft.len()).map(|_| Fr::random(&mut rng)).collect()).collect();
            let mut graph = Graph::default();
            let mut nodes = vec![graph.x(), graph.constant(Fr::ZERO), graph.constant(Fr::ONE)];
            for column in 0..3 {
                for rotation in [-700, -1, 0, 1, 5] {
                    nodes.push(graph.column(Poly::Advice(column), rotation));
                }
            }
            for _ in 0..200 {
                let pick = |rng: &mut ChaCha20Rng| nodes[rng.next_u32() as usize % nodes.len()];
                let (a, b) = (pick(&mut rng), pick(&mut rng));
                let node = match rng.next_u32() % 3 {
                    0 => graph.add(a, b),
                    1 => graph.sub(a, b),
                    _ => graph.mul(a, b),
                };
                nodes.push(node);
            }
            let operations = graph.operations.clone();
            let plain = |row: usize| -> Vec<Fr> {
                let mut values: Vec<Fr> = Vec::new();
                for operation in &operations {
                    let at = |node: Node| values[node.0 as usize];
                    let value = match *operation {
                        Operation::Constant(value) => value,
                        Operation::Column(Poly::Advice(column), rotation) => {
                            let row = (row as i64 + i64::from(rotation)).rem_euclid(fft.len() as i64);
                            columns[column][row as usize]
                        }
                        Operation::Column(..) => unreachable!("only advice here"),
                        Operation::X(factor) => factor * shift * fft.root_power(row),
                        Operation::Add(a, b) => at(a) + at(b),
                        Operation::Sub(a, b) => at(a) - at(b),
                        Operation::Mul(a, b) => at(a) * at(b),
                    };
                    values.push(value);
                }
                values
            };
            let on = Rows { fft: &fft, shift };
            let column = |poly| match poly {
                Poly::Advice(index) => &columns[index][..],
                _ => unreachable!("only advice here"),
            };
            let last = *nodes.last().unwrap();
            for output in [last, nodes[100], nodes[150], nodes[0], nodes[1], nodes[5]] {
                let program = graph.compile(&[output]);
                let (before, factor) = (Fr::random(&mut rng), Fr::random(&mut rng));
                let both = program.both_kernels(column, on, &vec![before; fft.len()], factor);
                for row in (0..fft.len().min(70)).chain(fft.len().saturating_sub(70)..fft.len()) {
                    let expected = plain(row)[output.0 as usize];
                    for [computed, accumulated] in &both {
                        assert_eq!(computed[row], expected, "k {k}, row {row}");
                        assert_eq!(accumulated[row], before * factor + expected, "k {k}, row {row}");
                    }
                }
            }
            // All at once: the difference of each node with itself shifted by its value in one row.
            let row = fft.len() - 1;
            let expected = plain(row);
            let differences: Vec<Node> = nodes
                .iter()
                .map(|node| {
                    let value = graph.constant(expected[node.0 as usize]);
                    graph.sub(*node, value)
                })
                .collect();
            let program = graph.compile(&differences);
            let found = program.find_nonzero(column, on);
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
        let on = Rows { fft: &fft, shift: Fr::ONE };
        let found = graph
            .compile(&outputs)
            .find_nonzero(|poly| if poly == Poly::Fixed(0) { &column } else { &zero }, on);
        assert_eq!(found, Some((299, 1)));
    }
}
