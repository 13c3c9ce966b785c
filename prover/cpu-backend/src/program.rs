//! A table's constraints and interactions as a straight-line program.

use openvm_stark_backend::air_builders::symbolic::{
    SymbolicExpressionNode as Node, symbolic_variable::Entry,
};
use p3_field::PrimeCharacteristicRing;

use crate::{
    field::{EF, EP, F, P},
    weights::{FOUR, Four},
};

/// What a program computes with.
pub(crate) trait Kind {
    /// An element, or a vector of them.
    type Value: PrimeCharacteristicRing + Copy + Send + Sync;
    /// A weighted sum of values.
    type Sum: PrimeCharacteristicRing + Copy + Send + Sync;
    fn add(value: Self::Value, constant: F) -> Self::Value;
    fn mul(value: Self::Value, constant: F) -> Self::Value;
    fn weigh(values: [Self::Value; FOUR], weights: &Four) -> Self::Sum;
    fn constant(constant: EF) -> Self::Sum;
}

/// Vectors over the base field.
pub(crate) struct PackedBase;
/// Vectors over the extension.
pub(crate) struct PackedExtension;
/// Single elements of the extension.
pub(crate) struct Extension;

impl Kind for PackedBase {
    type Value = P;
    type Sum = EP;
    #[inline]
    fn add(value: P, constant: F) -> P {
        value + P::from(constant)
    }
    #[inline]
    fn mul(value: P, constant: F) -> P {
        value * P::from(constant)
    }
    #[inline]
    fn weigh(values: [P; FOUR], weights: &Four) -> EP {
        weights.sum(&values)
    }
    #[inline]
    fn constant(constant: EF) -> EP {
        constant.into()
    }
}

impl Kind for PackedExtension {
    type Value = EP;
    type Sum = EP;
    #[inline]
    fn add(value: EP, constant: F) -> EP {
        value + P::from(constant)
    }
    #[inline]
    fn mul(value: EP, constant: F) -> EP {
        value * P::from(constant)
    }
    #[inline]
    fn weigh(values: [EP; FOUR], weights: &Four) -> EP {
        let [a, b, c, d] = std::array::from_fn(|term| values[term] * EP::from(weights.get(term)));
        (a + b) + (c + d)
    }
    #[inline]
    fn constant(constant: EF) -> EP {
        constant.into()
    }
}

impl Kind for Extension {
    type Value = EF;
    type Sum = EF;
    #[inline]
    fn add(value: EF, constant: F) -> EF {
        value + constant
    }
    #[inline]
    fn mul(value: EF, constant: F) -> EF {
        value * constant
    }
    #[inline]
    fn weigh(values: [EF; FOUR], weights: &Four) -> EF {
        let [a, b, c, d] = std::array::from_fn(|term| values[term] * weights.get(term));
        (a + b) + (c + d)
    }
    #[inline]
    fn constant(constant: EF) -> EF {
        constant
    }
}

/// What a program reads of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Variable {
    IsFirst,
    IsTransition,
    IsLast,
    /// A cell of the row, or of the next one. Matrices are numbered in the order of [`crate::table::Table`].
    Cell {
        matrix: usize,
        next: bool,
        column: usize,
    },
}

/// Where a program leaves a result.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Root {
    Slot(usize),
    Constant(F),
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Add(u32, u32),
    Sub(u32, u32),
    Mul(u32, u32),
    Neg(u32),
    AddConstant(u32, F),
    MulConstant(u32, F),
}

/// A program: reads its variables from the first slots, and leaves its results in others. Slots are used again as
/// soon as what they hold is no longer needed, so that the working set stays small.
#[derive(Debug)]
pub(crate) struct Program {
    /// The variable of each of the first slots.
    pub(crate) variables: Vec<Variable>,
    ops: Vec<(u32, Op)>,
    /// The results, in the order in which they were asked for.
    pub(crate) roots: Vec<Root>,
    /// How many slots a run needs.
    pub(crate) slots: usize,
}

impl Program {
    /// A program for the nodes `roots` of a graph in topological order. A main trace's part `k` is the matrix
    /// `first_main + k`; the preprocessed trace is the matrix 0.
    pub(crate) fn new(nodes: &[Node<F>], roots: &[usize], first_main: usize, public_values: &[F]) -> Self {
        let mut uses = vec![0u32; nodes.len()];
        let operands = |node: &Node<F>| match *node {
            Node::Add { left_idx, right_idx, .. }
            | Node::Sub { left_idx, right_idx, .. }
            | Node::Mul { left_idx, right_idx, .. } => [Some(left_idx), Some(right_idx)],
            Node::Neg { idx, .. } => [Some(idx), None],
            _ => [None, None],
        };
        // One use more for a result, so that its slot is never free.
        for &root in roots {
            uses[root] += 1;
        }
        for (index, node) in nodes.iter().enumerate().rev() {
            if uses[index] > 0 {
                operands(node).into_iter().flatten().for_each(|operand| uses[operand] += 1);
            }
        }

        let variable = |node: &Node<F>| match node {
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
        };
        let used = || nodes.iter().zip(&uses).filter(|(_, uses)| **uses > 0);
        let mut variables: Vec<Variable> = used().filter_map(|(node, _)| variable(node)).collect();
        variables.sort_unstable();
        variables.dedup();

        let mut slots = variables.len();
        let mut free = Vec::new();
        let mut places = vec![Root::Constant(F::ZERO); nodes.len()];
        let mut left = uses.clone();
        let mut ops = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            if uses[index] == 0 {
                continue;
            }
            if let Some(variable) = variable(node) {
                let slot =
                    variables.binary_search(&variable).unwrap_or_else(|_| unreachable!("it was listed"));
                places[index] = Root::Slot(slot);
                continue;
            }
            use Root::{Constant, Slot};
            let [a, b] = operands(node).map(|operand| operand.map(|operand| places[operand]));
            let steps: Result<Vec<Op>, F> = match (node, a, b) {
                (Node::Constant(constant), ..) => Err(*constant),
                (Node::Variable(variable), ..) => Err(public_values[variable.index]),
                (Node::Add { .. }, Some(Slot(a)), Some(Slot(b))) => Ok(vec![Op::Add(a as u32, b as u32)]),
                (Node::Add { .. }, Some(Slot(a)), Some(Constant(c)))
                | (Node::Add { .. }, Some(Constant(c)), Some(Slot(a))) => {
                    Ok(vec![Op::AddConstant(a as u32, c)])
                }
                (Node::Add { .. }, Some(Constant(a)), Some(Constant(b))) => Err(a + b),
                (Node::Sub { .. }, Some(Slot(a)), Some(Slot(b))) => Ok(vec![Op::Sub(a as u32, b as u32)]),
                (Node::Sub { .. }, Some(Slot(a)), Some(Constant(c))) => {
                    Ok(vec![Op::AddConstant(a as u32, -c)])
                }
                (Node::Sub { .. }, Some(Constant(c)), Some(Slot(a))) => {
                    Ok(vec![Op::Neg(a as u32), Op::AddConstant(u32::MAX, c)])
                }
                (Node::Sub { .. }, Some(Constant(a)), Some(Constant(b))) => Err(a - b),
                (Node::Mul { .. }, Some(Slot(a)), Some(Slot(b))) => Ok(vec![Op::Mul(a as u32, b as u32)]),
                (Node::Mul { .. }, Some(Slot(a)), Some(Constant(c)))
                | (Node::Mul { .. }, Some(Constant(c)), Some(Slot(a))) => {
                    Ok(vec![Op::MulConstant(a as u32, c)])
                }
                (Node::Mul { .. }, Some(Constant(a)), Some(Constant(b))) => Err(a * b),
                (Node::Neg { .. }, Some(Slot(a)), _) => Ok(vec![Op::Neg(a as u32)]),
                (Node::Neg { .. }, Some(Constant(a)), _) => Err(-a),
                _ => unreachable!("an operation has its operands before it"),
            };
            places[index] = match steps {
                Err(constant) => Constant(constant),
                Ok(steps) => {
                    let slot = free.pop().unwrap_or_else(|| {
                        slots += 1;
                        slots - 1
                    });
                    for step in steps {
                        // The second of two steps reads what the first wrote.
                        let step = match step {
                            Op::AddConstant(u32::MAX, c) => Op::AddConstant(slot as u32, c),
                            step => step,
                        };
                        ops.push((slot as u32, step));
                    }
                    Slot(slot)
                }
            };
            for operand in operands(node).into_iter().flatten() {
                left[operand] -= 1;
                if let (0, Slot(slot)) = (left[operand], places[operand])
                    && slot >= variables.len()
                {
                    free.push(slot);
                }
            }
        }
        let roots = roots.iter().map(|&root| places[root]).collect();
        Self { variables, ops, roots, slots }
    }

    /// Runs the program at `N` points at once. The first slots hold the variables.
    #[inline]
    pub(crate) fn run<K: Kind, const N: usize>(&self, slots: &mut [[K::Value; N]]) {
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
                Op::AddConstant(a, c) => slots[a as usize].map(|value| K::add(value, c)),
                Op::MulConstant(a, c) => slots[a as usize].map(|value| K::mul(value, c)),
            };
            slots[to as usize] = value;
        }
    }
}

/// A weighted sum of a program's results.
#[derive(Debug, Default)]
pub(crate) struct Functional {
    /// Four slots and their weights. Where there are less than four, a slot has the weight zero.
    terms: Vec<([usize; FOUR], Four)>,
    constant: EF,
}

impl Functional {
    /// The sum of `weight * root` over `terms`, plus `constant`. Terms over the same result are put together.
    pub(crate) fn new(terms: impl IntoIterator<Item = (Root, EF)>, mut constant: EF) -> Self {
        let mut of_slots: Vec<(usize, EF)> = Vec::new();
        for (root, weight) in terms {
            match root {
                Root::Slot(slot) => of_slots.push((slot, weight)),
                Root::Constant(value) => constant += weight * value,
            }
        }
        of_slots.sort_by_key(|&(slot, _)| slot);
        of_slots.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        let four = |terms: &[(usize, EF)]| {
            let weights: Vec<EF> = terms.iter().map(|&(_, weight)| weight).collect();
            let slots = std::array::from_fn(|term| terms[term.min(terms.len() - 1)].0);
            (slots, Four::new(&weights))
        };
        Self { terms: of_slots.chunks(FOUR).map(four).collect(), constant }
    }

    /// The sum over the slots of a finished run, at one of its points.
    #[inline]
    pub(crate) fn apply<K: Kind, const N: usize>(&self, slots: &[[K::Value; N]], point: usize) -> K::Sum {
        let constant = K::constant(self.constant);
        self.terms.iter().fold(constant, |sum, (places, weights)| {
            sum + K::weigh(places.map(|slot| slots[slot][point]), weights)
        })
    }
}
