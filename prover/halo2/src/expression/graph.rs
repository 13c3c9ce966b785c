//! Graph of expressions, with equal subexpressions stored once.

use std::collections::HashMap;

use halo2_proofs::plonk::Expression;
use halo2curves::{bn256::Fr, ff::Field};

/// Name of a polynomial of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Poly {
    /// The i-th advice column.
    Advice(usize),
    /// The i-th fixed column.
    Fixed(usize),
    /// The i-th instance column.
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
    /// The quotient, joined from its pieces.
    Quotient,
    /// The random polynomial of the vanishing argument.
    Random,
}

/// Index of a node in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node(pub(super) u32);

/// Operation of a node, on the values at one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    Constant(Fr),
    /// A column's value at another row: its distance is the number.
    Column(Poly, i32),
    /// A multiple of the row's point.
    X(Fr),
    Add(Node, Node),
    Sub(Node, Node),
    Mul(Node, Node),
}

/// Expressions, with equal ones stored once. A node comes after its operands.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(super) operations: Vec<Operation>,
    known: HashMap<Operation, Node>,
}

impl Graph {
    /// Returns the node of an operation, and makes it if it is new.
    fn node(&mut self, operation: Operation) -> Node {
        *self.known.entry(operation).or_insert_with(|| {
            self.operations.push(operation);
            Node(self.operations.len() as u32 - 1)
        })
    }

    /// Value of a node if it is a constant.
    fn value(&self, node: Node) -> Option<Fr> {
        match self.operations[node.0 as usize] {
            Operation::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// Node of a constant.
    pub(crate) fn constant(&mut self, value: Fr) -> Node {
        self.node(Operation::Constant(value))
    }

    /// Node of the column's value `rotation` rows further on. The rows are a circle.
    pub(crate) fn column(&mut self, poly: Poly, rotation: i32) -> Node {
        self.node(Operation::Column(poly, rotation))
    }

    /// Node of the row's point.
    pub(crate) fn x(&mut self) -> Node {
        self.node(Operation::X(Fr::ONE))
    }

    /// Node of a + b.
    pub(crate) fn add(&mut self, a: Node, b: Node) -> Node {
        match (self.value(a), self.value(b)) {
            (Some(a), Some(b)) => self.constant(a + b),
            (Some(Fr::ZERO), None) => b,
            (None, Some(Fr::ZERO)) => a,
            _ => self.node(Operation::Add(a.min(b), a.max(b))),
        }
    }

    /// Node of a - b.
    pub(crate) fn sub(&mut self, a: Node, b: Node) -> Node {
        match (self.value(a), self.value(b)) {
            (Some(a), Some(b)) => self.constant(a - b),
            (None, Some(Fr::ZERO)) => a,
            _ if a == b => self.constant(Fr::ZERO),
            _ => self.node(Operation::Sub(a, b)),
        }
    }

    /// Node of a b.
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

    /// Node of a multiple of `a`, which is no constant.
    fn scale(&mut self, a: Node, factor: Fr) -> Node {
        if let Operation::X(known) = self.operations[a.0 as usize] {
            return self.node(Operation::X(known * factor));
        }
        let b = self.constant(factor);
        self.node(Operation::Mul(a.min(b), a.max(b)))
    }

    /// Node of an expression of the constraint system.
    ///
    /// # Panics
    /// When the expression has selectors or challenges.
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

    /// Node of the sum of the nodes times powers of `base`, by Horner's rule: the first has the highest power and the
    /// last has none. Returns `None` for no nodes.
    pub(crate) fn horner(&mut self, nodes: &[Node], base: Fr) -> Option<Node> {
        let base = self.constant(base);
        nodes.iter().copied().reduce(|sum, node| {
            let sum = self.mul(sum, base);
            self.add(sum, node)
        })
    }

    /// Node of the nodes' product.
    pub(crate) fn product(&mut self, nodes: &[Node]) -> Node {
        let one = self.constant(Fr::ONE);
        nodes.iter().fold(one, |product, node| self.mul(product, *node))
    }
}
