//! Expressions over columns, compiled to straight-line programs that run over blocks of rows.
//!
//! A [`Graph`] shares equal subexpressions. [`Graph::compile`] puts what some outputs need in order and gives it
//! registers, each a block of rows wide: an instruction's dispatch is paid once a block, not once a row, and the
//! registers stay in the cache.

use std::{collections::HashMap, mem, ops::Range};

use halo2_proofs::plonk::Expression;
use halo2curves::{bn256::Fr, ff::Field};
use rayon::prelude::*;

use crate::fft::Fft;

/// Rows of a block. A register is 8 KiB.
pub(crate) const BLOCK: usize = 256;

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
    /// The row's point.
    X,
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
        self.node(Operation::X)
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
            _ => self.node(Operation::Mul(a.min(b), a.max(b))),
        }
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

    /// The program for these outputs.
    pub(crate) fn compile(&self, outputs: &[Node]) -> Program {
        let mut last_use = vec![0; self.operations.len()];
        let mut needed = vec![false; self.operations.len()];
        outputs.iter().for_each(|output| needed[output.0 as usize] = true);
        // A node's operands come before it.
        for index in (0..self.operations.len()).rev() {
            if !needed[index] {
                continue;
            }
            if let Operation::Add(a, b) | Operation::Sub(a, b) | Operation::Mul(a, b) = self.operations[index]
            {
                for operand in [a, b] {
                    let operand = operand.0 as usize;
                    needed[operand] = true;
                    last_use[operand] = last_use[operand].max(index);
                }
            }
        }
        outputs.iter().for_each(|output| last_use[output.0 as usize] = usize::MAX);

        let mut program = Program::default();
        let mut places = vec![Operand::X; self.operations.len()];
        let mut free = Vec::new();
        for (index, operation) in self.operations.iter().enumerate().filter(|(index, _)| needed[*index]) {
            let (kind, a, b) = match *operation {
                Operation::Constant(value) => {
                    program.constants.push(value);
                    places[index] = Operand::Constant(program.constants.len() - 1);
                    continue;
                }
                Operation::Column(poly, rotation) => {
                    let slot = program.polys.iter().position(|known| *known == poly).unwrap_or_else(|| {
                        program.polys.push(poly);
                        program.polys.len() - 1
                    });
                    program.reads.push((slot, rotation));
                    places[index] = Operand::Read(program.reads.len() - 1);
                    continue;
                }
                Operation::X => {
                    program.uses_x = true;
                    continue;
                }
                Operation::Add(a, b) => (Kind::Add, a, b),
                Operation::Sub(a, b) => (Kind::Sub, a, b),
                Operation::Mul(a, b) => (Kind::Mul, a, b),
            };
            let target = free.pop().unwrap_or_else(|| {
                program.registers += 1;
                program.registers - 1
            });
            let [a, b] = [a, b].map(|operand| operand.0 as usize);
            program.steps.push(Step { kind, a: places[a], b: places[b], target });
            places[index] = Operand::Register(target);
            // The target is another register than the operands', so that a step can borrow all three.
            for (operand, repeated) in [(a, false), (b, a == b)] {
                let dead = last_use[operand] == index && !repeated;
                if let (Operand::Register(register), true) = (places[operand], dead) {
                    free.push(register);
                }
            }
        }
        program.outputs = outputs.iter().map(|output| places[output.0 as usize]).collect();
        program
    }
}

#[derive(Clone, Copy, Debug)]
enum Operand {
    Constant(usize),
    Read(usize),
    Register(usize),
    X,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Add,
    Sub,
    Mul,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    kind: Kind,
    a: Operand,
    b: Operand,
    target: usize,
}

/// A compiled set of expressions.
#[derive(Debug, Default)]
pub(crate) struct Program {
    polys: Vec<Poly>,
    /// Slot in `polys`, and rotation.
    reads: Vec<(usize, i32)>,
    constants: Vec<Fr>,
    uses_x: bool,
    registers: usize,
    steps: Vec<Step>,
    outputs: Vec<Operand>,
}

/// What a program's run needs once a thread.
struct Scratch {
    constants: Vec<Vec<Fr>>,
    reads: Vec<Vec<Fr>>,
    registers: Vec<Vec<Fr>>,
    x: Vec<Fr>,
}

/// Where a program's columns have their values: at shift · w^0, shift · w^1, ….
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) fft: &'a Fft,
    pub(crate) shift: Fr,
}

impl Program {
    /// The columns that it reads.
    pub(crate) fn polys(&self) -> &[Poly] {
        &self.polys
    }

    fn scratch(&self) -> Scratch {
        Scratch {
            constants: self.constants.iter().map(|value| vec![*value; BLOCK]).collect(),
            reads: vec![Vec::new(); self.reads.len()],
            registers: vec![vec![Fr::ZERO; BLOCK]; self.registers],
            x: vec![Fr::ZERO; if self.uses_x { BLOCK } else { 0 }],
        }
    }

    /// Computes the outputs at the rows of a block, and gives them to `take`.
    fn run_block<T>(
        &self,
        columns: &[&[Fr]],
        on: Rows<'_>,
        rows: Range<usize>,
        scratch: &mut Scratch,
        take: impl FnOnce(&[&[Fr]]) -> T,
    ) -> T {
        let n = on.fft.len();
        let count = rows.len();
        let mut views: Vec<Option<&[Fr]>> = Vec::with_capacity(self.reads.len());
        for ((slot, rotation), copy) in self.reads.iter().zip(&mut scratch.reads) {
            let column = columns[*slot];
            let start = (rows.start as i64 + i64::from(*rotation)).rem_euclid(n as i64) as usize;
            if start + count <= n {
                views.push(Some(&column[start..start + count]));
            } else {
                copy.clear();
                copy.extend_from_slice(&column[start..]);
                while copy.len() < count {
                    let rest = (count - copy.len()).min(n);
                    copy.extend_from_slice(&column[..rest]);
                }
                views.push(None);
            }
        }
        if self.uses_x {
            for (row, x) in rows.zip(&mut scratch.x) {
                *x = on.shift * on.fft.root_power(row);
            }
        }
        let Scratch { constants, reads, registers, x } = scratch;
        for step in &self.steps {
            let mut target = mem::take(&mut registers[step.target]);
            {
                let operand = |operand| -> &[Fr] {
                    match operand {
                        Operand::Constant(index) => &constants[index],
                        Operand::Read(index) => views[index].unwrap_or(&reads[index]),
                        Operand::Register(index) => &registers[index],
                        Operand::X => x,
                    }
                };
                let cells = target[..count].iter_mut().zip(operand(step.a)).zip(operand(step.b));
                match step.kind {
                    Kind::Add => cells.for_each(|((target, a), b)| *target = a + b),
                    Kind::Sub => cells.for_each(|((target, a), b)| *target = a - b),
                    Kind::Mul => cells.for_each(|((target, a), b)| *target = a * b),
                }
            }
            registers[step.target] = target;
        }
        let outputs: Vec<&[Fr]> = self
            .outputs
            .iter()
            .map(|output| match *output {
                Operand::Constant(index) => &constants[index][..count],
                Operand::Read(index) => views[index].unwrap_or(&reads[index]),
                Operand::Register(index) => &registers[index][..count],
                Operand::X => &x[..count],
            })
            .collect();
        take(&outputs)
    }

    fn columns<'a>(&self, column: impl Fn(Poly) -> &'a [Fr]) -> Vec<&'a [Fr]> {
        self.polys.iter().map(|poly| column(*poly)).collect()
    }

    /// Replaces each value by `factor` times it plus the first output.
    pub(crate) fn accumulate<'a>(
        &self,
        column: impl Fn(Poly) -> &'a [Fr],
        on: Rows<'_>,
        values: &mut [Fr],
        factor: Fr,
    ) {
        let columns = self.columns(column);
        values.par_chunks_mut(BLOCK).enumerate().for_each_init(
            || self.scratch(),
            |scratch, (index, values)| {
                let start = index * BLOCK;
                self.run_block(&columns, on, start..start + values.len(), scratch, |outputs| {
                    for (value, output) in values.iter_mut().zip(outputs[0]) {
                        *value = *value * factor + output;
                    }
                });
            },
        );
    }

    /// The first output's values at all rows.
    pub(crate) fn evaluate<'a>(&self, column: impl Fn(Poly) -> &'a [Fr], on: Rows<'_>) -> Vec<Fr> {
        let mut values = vec![Fr::ZERO; on.fft.len()];
        self.accumulate(column, on, &mut values, Fr::ZERO);
        values
    }

    /// The first row at which an output isn't zero, and the first such output there.
    pub(crate) fn find_nonzero<'a>(
        &self,
        column: impl Fn(Poly) -> &'a [Fr],
        on: Rows<'_>,
    ) -> Option<(usize, usize)> {
        let columns = self.columns(column);
        let n = on.fft.len();
        (0..n.div_ceil(BLOCK))
            .into_par_iter()
            .map_init(
                || self.scratch(),
                |scratch, index| {
                    let start = index * BLOCK;
                    let rows = start..n.min(start + BLOCK);
                    self.run_block(&columns, on, rows.clone(), scratch, |outputs| {
                        (0..rows.len()).find_map(|row| {
                            let output = outputs.iter().position(|values| values[row] != Fr::ZERO)?;
                            Some((start + row, output))
                        })
                    })
                },
            )
            .find_first(Option::is_some)
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2curves::ff::Field;
    use rand_chacha::ChaCha20Rng;
    use rand_core::{RngCore, SeedableRng};

    /// A random graph against its operations done one by one, rotations over both ends included.
    #[test]
    fn programs_agree_with_plain_evaluation() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        for k in [1, 3, 8, 10] {
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
            for _ in 0..60 {
                let pick = |rng: &mut ChaCha20Rng| nodes[rng.next_u32() as usize % nodes.len()];
                let (a, b) = (pick(&mut rng), pick(&mut rng));
                let node = match rng.next_u32() % 3 {
                    0 => graph.add(a, b),
                    1 => graph.sub(a, b),
                    _ => graph.mul(a, b),
                };
                nodes.push(node);
            }
            let plain = |row: usize| -> Vec<Fr> {
                let mut values: Vec<Fr> = Vec::new();
                for operation in &graph.operations {
                    let at = |node: Node| values[node.0 as usize];
                    let value = match *operation {
                        Operation::Constant(value) => value,
                        Operation::Column(Poly::Advice(column), rotation) => {
                            let row = (row as i64 + i64::from(rotation)).rem_euclid(fft.len() as i64);
                            columns[column][row as usize]
                        }
                        Operation::Column(..) => unreachable!("only advice here"),
                        Operation::X => shift * fft.root_power(row),
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
            for outputs in [[last], [nodes[20]], [nodes[0]], [nodes[5]]] {
                let values = graph.compile(&outputs).evaluate(column, on);
                for row in [0, 1, fft.len() / 2, fft.len() - 1] {
                    assert_eq!(values[row], plain(row)[outputs[0].0 as usize], "k {k}, row {row}");
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
            assert!(found.is_some_and(|(found, _)| found < row), "k {k}: {found:?}");
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
