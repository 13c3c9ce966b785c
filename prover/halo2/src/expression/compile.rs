//! Compiler from a graph to a straight-line program.

use halo2curves::bn256::Fr;
use zeno_bn254::Bound;

use crate::expression::graph::{Graph, Node, Operation, Poly};

/// Instruction for all rows of a block. Operands and targets are indices of registers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Instruction {
    Load { column: usize, rotation: i32, target: usize },
    X { factor: Fr, target: usize },
    Settle(usize),
    Add([usize; 2], usize),
    Sub([usize; 2], usize),
    Mul([usize; 2], usize),
}

/// Compiled expressions.
#[derive(Debug, Default)]
pub(crate) struct Program {
    /// Columns that the program reads.
    pub(super) polys: Vec<Poly>,
    /// Number of registers.
    pub(super) registers: usize,
    /// Registers that have the same value in all rows, with that value.
    pub(super) constants: Vec<(usize, Fr)>,
    pub(super) instructions: Vec<Instruction>,
    /// Registers of the outputs.
    pub(super) outputs: Vec<usize>,
}

impl Graph {
    /// Compiles the program for these outputs.
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

/// State of the compilation of a graph.
struct Compiler<'a> {
    graph: &'a Graph,
    /// Last node that has each node as an operand. The largest number stands for an output, and 0 for a
    /// node that isn't needed.
    last_use: Vec<usize>,
    /// Locations of the nodes, as far as they have been loaded or computed.
    locations: Vec<Option<Location>>,
    /// Registers that are free again.
    free: Vec<usize>,
    program: Program,
}

/// Register of a node's values, and bound on their size.
#[derive(Clone, Copy)]
struct Location {
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
        Self { graph, last_use, locations: vec![None; count], free: Vec::new(), program: Program::default() }
    }

    /// Returns a free register.
    fn register(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| self.new_register())
    }

    fn new_register(&mut self) -> usize {
        self.program.registers += 1;
        self.program.registers - 1
    }

    /// Returns a node's location. Constants, columns and points are loaded when they are first needed.
    fn location(&mut self, node: usize) -> Location {
        if let Some(location) = self.locations[node] {
            return location;
        }
        let location = match self.graph.operations[node] {
            Operation::Constant(value) => {
                let register = self.new_register();
                self.program.constants.push((register, value));
                Location { register, bound: Bound::SETTLED }
            }
            Operation::Column(poly, rotation) => {
                let register = self.register();
                let polys = &mut self.program.polys;
                let column = polys.iter().position(|known| *known == poly).unwrap_or_else(|| {
                    polys.push(poly);
                    polys.len() - 1
                });
                self.program.instructions.push(Instruction::Load { column, rotation, target: register });
                Location { register, bound: Bound::LOADED_FACTORS }
            }
            Operation::X(factor) => {
                let register = self.register();
                self.program.instructions.push(Instruction::X { factor, target: register });
                let bound = Bound::SETTLED.product(Bound::SETTLED).expect("they are settled");
                Location { register, bound }
            }
            _ => unreachable!("operands are computed before"),
        };
        self.locations[node] = Some(location);
        location
    }

    /// Reduces a node's values below the bound of settled ones.
    fn settle(&mut self, node: usize) {
        let register = self.location(node).register;
        self.program.instructions.push(Instruction::Settle(register));
        self.locations[node] = Some(Location { register, bound: Bound::SETTLED });
    }

    /// Emits the instruction of a sum, a difference or a product, after those that settle its operands if they must be.
    fn compute(&mut self, index: usize) {
        let (a, b, bound_of): (_, _, fn(Bound, Bound) -> _) = match self.graph.operations[index] {
            Operation::Add(a, b) => (a, b, Bound::sum),
            Operation::Sub(a, b) => (a, b, Bound::difference),
            Operation::Mul(a, b) => (a, b, Bound::product),
            _ => unreachable!("it is computed"),
        };
        let [a, b] = [a, b].map(|operand| operand.0 as usize);
        let bound = loop {
            let [at_a, at_b] = [a, b].map(|operand| self.location(operand).bound);
            if let Some(bound) = bound_of(at_a, at_b) {
                break bound;
            }
            self.settle(if at_a.exceeds(at_b) { a } else { b });
        };
        // The target is another register than the operands', so that an instruction can borrow all three.
        let target = self.register();
        let operands = [a, b].map(|operand| self.location(operand).register);
        self.program.instructions.push(match self.graph.operations[index] {
            Operation::Add(..) => Instruction::Add(operands, target),
            Operation::Sub(..) => Instruction::Sub(operands, target),
            _ => Instruction::Mul(operands, target),
        });
        self.locations[index] = Some(Location { register: target, bound });
        self.release(a, index);
        if a != b {
            self.release(b, index);
        }
    }

    /// Frees the operand's register if this was its last use. Constants keep theirs for all blocks.
    fn release(&mut self, operand: usize, index: usize) {
        let constant = matches!(self.graph.operations[operand], Operation::Constant(_));
        if self.last_use[operand] == index && !constant {
            let register = self.location(operand).register;
            self.free.push(register);
        }
    }

    /// Settles the outputs and ends the program.
    fn finish(mut self, outputs: &[Node]) -> Program {
        for output in outputs {
            let output = output.0 as usize;
            if !self.location(output).bound.is_output() {
                self.settle(output);
            }
            let register = self.location(output).register;
            self.program.outputs.push(register);
        }
        self.program
    }
}
