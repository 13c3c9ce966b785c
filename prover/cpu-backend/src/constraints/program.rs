//! Constraints and interactions of an AIR as a straight-line program over slots.
//!
//! A [`Program`] maps the variables `x_0, x_1, …` of a row (selectors and cells) to values `g_0(x), g_1(x), …`: the
//! AIR's constraints, and the counts and message elements of its interactions. A [`LinearForm`] combines these to
//! `c + Σ w_k g_k(x)`. Both run over many rows at once, in one of three [`Domain`]s.

use openvm_stark_backend::air_builders::symbolic::{
    SymbolicExpressionNode as Node, symbolic_variable::Entry,
};
use p3_field::PrimeCharacteristicRing;

use crate::field::{
    EF, EP, F, P,
    linear_combination::{TERMS, TermWeights},
};

/// Field, and element or vector of it, that a program computes with.
pub(crate) trait Domain {
    /// Value of a slot.
    type Value: PrimeCharacteristicRing + Copy + Send + Sync;
    /// Linear combination of values with weights in the extension.
    type Sum: PrimeCharacteristicRing + Copy + Send + Sync;
    /// `value + constant`.
    fn add_constant(value: Self::Value, constant: F) -> Self::Value;
    /// `value * constant`.
    fn mul_constant(value: Self::Value, constant: F) -> Self::Value;
    /// `Σ weights_i values_i`.
    fn combine(values: [Self::Value; TERMS], weights: &TermWeights) -> Self::Sum;
    /// The constant as a sum.
    fn constant(constant: EF) -> Self::Sum;
}

/// Vectors of base field elements.
pub(crate) struct PackedBase;
/// Vectors of extension field elements.
pub(crate) struct PackedExtension;
/// Single extension field elements.
pub(crate) struct Extension;

impl Domain for PackedBase {
    type Value = P;
    type Sum = EP;
    #[inline]
    fn add_constant(value: P, constant: F) -> P {
        value + P::from(constant)
    }
    #[inline]
    fn mul_constant(value: P, constant: F) -> P {
        value * P::from(constant)
    }
    #[inline]
    fn combine(values: [P; TERMS], weights: &TermWeights) -> EP {
        weights.sum(&values)
    }
    #[inline]
    fn constant(constant: EF) -> EP {
        constant.into()
    }
}

impl Domain for PackedExtension {
    type Value = EP;
    type Sum = EP;
    #[inline]
    fn add_constant(value: EP, constant: F) -> EP {
        value + P::from(constant)
    }
    #[inline]
    fn mul_constant(value: EP, constant: F) -> EP {
        value * P::from(constant)
    }
    #[inline]
    fn combine(values: [EP; TERMS], weights: &TermWeights) -> EP {
        let [a, b, c, d] = std::array::from_fn(|term| values[term] * EP::from(weights.get(term)));
        (a + b) + (c + d)
    }
    #[inline]
    fn constant(constant: EF) -> EP {
        constant.into()
    }
}

impl Domain for Extension {
    type Value = EF;
    type Sum = EF;
    #[inline]
    fn add_constant(value: EF, constant: F) -> EF {
        value + constant
    }
    #[inline]
    fn mul_constant(value: EF, constant: F) -> EF {
        value * constant
    }
    #[inline]
    fn combine(values: [EF; TERMS], weights: &TermWeights) -> EF {
        let [a, b, c, d] = std::array::from_fn(|term| values[term] * weights.get(term));
        (a + b) + (c + d)
    }
    #[inline]
    fn constant(constant: EF) -> EF {
        constant
    }
}

/// Input of a program: a selector, or a cell of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Variable {
    /// 1 in the first row, else 0.
    IsFirst,
    /// 0 in the last row, else 1.
    IsTransition,
    /// 1 in the last row, else 0.
    IsLast,
    /// Cell of the row, or of the next one (the rotation). `matrix` is an index into
    /// [`AirTrace::matrices`](crate::constraints::trace::AirTrace).
    Cell { matrix: usize, next: bool, column: usize },
}

/// Output of a program: the slot that has its value, or a value known at compilation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Output {
    Slot(usize),
    Constant(F),
}

/// Operation on slots.
#[derive(Clone, Copy, Debug)]
enum Op {
    Add(u32, u32),
    Sub(u32, u32),
    Mul(u32, u32),
    Neg(u32),
    AddConstant(u32, F),
    MulConstant(u32, F),
}

/// Straight-line program over slots. The first slots hold the variables. A slot is reused after the last use of its
/// value, so that the working set stays small.
#[derive(Debug)]
pub(crate) struct Program {
    /// Variables of the first slots, ascending.
    pub(crate) variables: Vec<Variable>,
    /// Target slot and operation, in order.
    ops: Vec<(u32, Op)>,
    /// Outputs, in the order in which they were requested.
    pub(crate) outputs: Vec<Output>,
    /// Number of slots.
    pub(crate) slots: usize,
}

/// Indices of a node's operands.
fn operands(node: &Node<F>) -> [Option<usize>; 2] {
    match *node {
        Node::Add { left_idx, right_idx, .. }
        | Node::Sub { left_idx, right_idx, .. }
        | Node::Mul { left_idx, right_idx, .. } => [Some(left_idx), Some(right_idx)],
        Node::Neg { idx, .. } => [Some(idx), None],
        _ => [None, None],
    }
}

/// Variable that a node reads, if any.
fn variable(node: &Node<F>, first_main: usize) -> Option<Variable> {
    match node {
        Node::IsFirstRow => Some(Variable::IsFirst),
        Node::IsLastRow => Some(Variable::IsLast),
        Node::IsTransition => Some(Variable::IsTransition),
        Node::Variable(variable) => match variable.entry {
            Entry::Preprocessed { offset } => {
                Some(Variable::Cell { matrix: 0, next: offset == 1, column: variable.index })
            }
            Entry::Main { part_index, offset } => Some(Variable::Cell {
                matrix: first_main + part_index,
                next: offset == 1,
                column: variable.index,
            }),
            Entry::Public | Entry::Challenge => None,
        },
        _ => None,
    }
}

/// Number of uses of each node by `outputs` and by nodes that they depend on.
fn count_uses(nodes: &[Node<F>], outputs: &[usize]) -> Vec<u32> {
    let mut uses = vec![0u32; nodes.len()];
    for &output in outputs {
        uses[output] += 1;
    }
    for (index, node) in nodes.iter().enumerate().rev() {
        if uses[index] > 0 {
            operands(node).into_iter().flatten().for_each(|operand| uses[operand] += 1);
        }
    }
    uses
}

/// Variables that used nodes read, ascending.
fn collect_variables(nodes: &[Node<F>], uses: &[u32], first_main: usize) -> Vec<Variable> {
    let used = nodes.iter().zip(uses).filter(|(_, uses)| **uses > 0);
    let mut variables: Vec<Variable> = used.filter_map(|(node, _)| variable(node, first_main)).collect();
    variables.sort_unstable();
    variables.dedup();
    variables
}

/// Computation of a node from the values of its operands.
enum Step {
    Constant(F),
    Op(Op),
    /// `constant - slot`: two operations on one target.
    SubFrom(F, u32),
}

/// Selects a node's computation, with constants folded. `a` and `b` are the values of its operands.
fn step(node: &Node<F>, [a, b]: [Option<Output>; 2], public_values: &[F]) -> Step {
    use Output::{Constant, Slot};
    match (node, a, b) {
        (Node::Constant(constant), ..) => Step::Constant(*constant),
        (Node::Variable(variable), ..) => Step::Constant(public_values[variable.index]),
        (Node::Add { .. }, Some(Slot(a)), Some(Slot(b))) => Step::Op(Op::Add(a as u32, b as u32)),
        (Node::Add { .. }, Some(Slot(a)), Some(Constant(c)))
        | (Node::Add { .. }, Some(Constant(c)), Some(Slot(a))) => Step::Op(Op::AddConstant(a as u32, c)),
        (Node::Add { .. }, Some(Constant(a)), Some(Constant(b))) => Step::Constant(a + b),
        (Node::Sub { .. }, Some(Slot(a)), Some(Slot(b))) => Step::Op(Op::Sub(a as u32, b as u32)),
        (Node::Sub { .. }, Some(Slot(a)), Some(Constant(c))) => Step::Op(Op::AddConstant(a as u32, -c)),
        (Node::Sub { .. }, Some(Constant(c)), Some(Slot(a))) => Step::SubFrom(c, a as u32),
        (Node::Sub { .. }, Some(Constant(a)), Some(Constant(b))) => Step::Constant(a - b),
        (Node::Mul { .. }, Some(Slot(a)), Some(Slot(b))) => Step::Op(Op::Mul(a as u32, b as u32)),
        (Node::Mul { .. }, Some(Slot(a)), Some(Constant(c)))
        | (Node::Mul { .. }, Some(Constant(c)), Some(Slot(a))) => Step::Op(Op::MulConstant(a as u32, c)),
        (Node::Mul { .. }, Some(Constant(a)), Some(Constant(b))) => Step::Constant(a * b),
        (Node::Neg { .. }, Some(Slot(a)), _) => Step::Op(Op::Neg(a as u32)),
        (Node::Neg { .. }, Some(Constant(a)), _) => Step::Constant(-a),
        _ => unreachable!("an operation has its operands before it"),
    }
}

/// Slots that are in use, and those that were released. The first `pinned` ones, the variables', are never released.
struct SlotAllocator {
    pinned: usize,
    slots: usize,
    free: Vec<usize>,
}

impl SlotAllocator {
    fn allocate(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        })
    }

    fn release(&mut self, slot: usize) {
        if slot >= self.pinned {
            self.free.push(slot);
        }
    }
}

impl Program {
    /// Compiles the nodes with the indices `outputs` of a graph in topological order.
    ///
    /// Part `k` of the main trace is the matrix `first_main + k`; the preprocessed trace, if there is one, is matrix 0.
    pub(crate) fn new(nodes: &[Node<F>], outputs: &[usize], first_main: usize, public_values: &[F]) -> Self {
        // An output counts as a use that never ends, so its slot is never released.
        let uses = count_uses(nodes, outputs);
        let variables = collect_variables(nodes, &uses, first_main);

        let pinned = variables.len();
        let mut allocator = SlotAllocator { pinned, slots: pinned, free: Vec::new() };
        let mut values = vec![Output::Constant(F::ZERO); nodes.len()];
        let mut remaining = uses.clone();
        let mut ops = Vec::new();
        for (index, node) in nodes.iter().enumerate().filter(|(index, _)| uses[*index] > 0) {
            if let Some(variable) = variable(node, first_main) {
                let slot =
                    variables.binary_search(&variable).unwrap_or_else(|_| unreachable!("it was listed"));
                values[index] = Output::Slot(slot);
                continue;
            }
            let operands = operands(node);
            let operand_values = operands.map(|operand| operand.map(|operand| values[operand]));
            values[index] = match step(node, operand_values, public_values) {
                Step::Constant(constant) => Output::Constant(constant),
                Step::Op(op) => {
                    let slot = allocator.allocate();
                    ops.push((slot as u32, op));
                    Output::Slot(slot)
                }
                Step::SubFrom(constant, subtrahend) => {
                    let slot = allocator.allocate();
                    ops.push((slot as u32, Op::Neg(subtrahend)));
                    ops.push((slot as u32, Op::AddConstant(slot as u32, constant)));
                    Output::Slot(slot)
                }
            };
            for operand in operands.into_iter().flatten() {
                remaining[operand] -= 1;
                if let (0, Output::Slot(slot)) = (remaining[operand], values[operand]) {
                    allocator.release(slot);
                }
            }
        }
        let outputs = outputs.iter().map(|&output| values[output]).collect();
        Self { variables, ops, outputs, slots: allocator.slots }
    }

    /// Runs the program at `N` points at once. `slots` has [`slots`](Self::slots) entries, of which the first hold the
    /// variables.
    #[inline]
    pub(crate) fn run<D: Domain, const N: usize>(&self, slots: &mut [[D::Value; N]]) {
        for &(to, op) in &self.ops {
            let value = match op {
                Op::Add(a, b) => {
                    let (a, b) = (&slots[a as usize], &slots[b as usize]);
                    std::array::from_fn(|point| a[point] + b[point])
                }
                Op::Sub(a, b) => {
                    let (a, b) = (&slots[a as usize], &slots[b as usize]);
                    std::array::from_fn(|point| a[point] - b[point])
                }
                Op::Mul(a, b) => {
                    let (a, b) = (&slots[a as usize], &slots[b as usize]);
                    std::array::from_fn(|point| a[point] * b[point])
                }
                Op::Neg(a) => slots[a as usize].map(|value| -value),
                Op::AddConstant(a, c) => slots[a as usize].map(|value| D::add_constant(value, c)),
                Op::MulConstant(a, c) => slots[a as usize].map(|value| D::mul_constant(value, c)),
            };
            slots[to as usize] = value;
        }
    }
}

/// Linear form `constant + Σ w_k g_k` over the outputs `g_k` of a program.
#[derive(Debug, Default)]
pub(crate) struct LinearForm {
    /// Four slots and their weights. Where there are fewer, a slot repeats with weight zero.
    terms: Vec<([usize; TERMS], TermWeights)>,
    constant: EF,
}

impl LinearForm {
    /// The form `constant + Σ weight * output` over `terms`. Terms with the same slot are merged.
    pub(crate) fn new(terms: impl IntoIterator<Item = (Output, EF)>, mut constant: EF) -> Self {
        let mut by_slot: Vec<(usize, EF)> = Vec::new();
        for (output, weight) in terms {
            match output {
                Output::Slot(slot) => by_slot.push((slot, weight)),
                Output::Constant(value) => constant += weight * value,
            }
        }
        by_slot.sort_by_key(|&(slot, _)| slot);
        by_slot.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        let group = |terms: &[(usize, EF)]| {
            let weights: Vec<EF> = terms.iter().map(|&(_, weight)| weight).collect();
            let slots = std::array::from_fn(|term| terms[term.min(terms.len() - 1)].0);
            (slots, TermWeights::new(&weights))
        };
        Self { terms: by_slot.chunks(TERMS).map(group).collect(), constant }
    }

    /// Value of the form at point `point` of a finished run.
    #[inline]
    pub(crate) fn apply<D: Domain, const N: usize>(&self, slots: &[[D::Value; N]], point: usize) -> D::Sum {
        let constant = D::constant(self.constant);
        self.terms.iter().fold(constant, |sum, (indices, weights)| {
            sum + D::combine(indices.map(|slot| slots[slot][point]), weights)
        })
    }
}
