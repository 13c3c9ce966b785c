//! Errors, by name.

use std::{fmt, io, path::PathBuf};

use halo2_proofs::plonk;
use zeno_srs::SrsError;

/// Reason for which a key or a proof could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The circuit uses something that this prover doesn't support.
    #[error("the circuit {0}; this prover doesn't support that, use halo2's")]
    Unsupported(String),
    /// The circuit needs more rows than the reference string has powers.
    #[error("the circuit doesn't fit in 2^{k} rows: {need}")]
    NotEnoughRows {
        /// Binary logarithm of the number of rows.
        k: u32,
        /// Need that the rows don't meet.
        need: String,
    },
    /// The circuit's own synthesis failed.
    #[error("the circuit's synthesis failed: {0}")]
    Synthesis(plonk::Error),
    /// Synthesis touched a cell that does not exist, or gave it no value.
    #[error("the circuit's synthesis is wrong at {cell}: {reason}")]
    Assignment {
        /// The cell.
        cell: Cell,
        /// Fault there.
        reason: &'static str,
    },
    /// The reference string can't be used.
    #[error(transparent)]
    Srs(#[from] SrsError),
    /// The reference string is for another size.
    #[error("the reference string is for k = {srs}, the circuit needs k = {circuit}")]
    SrsSize {
        /// The reference string's k.
        srs: u32,
        /// The circuit's k.
        circuit: u32,
    },
    /// The key file can't be used.
    #[error("key file {}: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Fault of the file.
        reason: KeyFault,
    },
    /// Number or length of the given columns doesn't fit the circuit.
    #[error("{what}: {found}, the circuit needs {expected}")]
    Shape {
        /// Name of the columns.
        what: String,
        /// Number or length that was given.
        found: usize,
        /// Number or length that the circuit needs. A length is exact, or an upper bound if `what` says so.
        expected: usize,
    },
    /// The witness doesn't satisfy the circuit.
    #[error("the circuit is not satisfied: {0}")]
    Unsatisfied(#[from] Unsatisfied),
    /// The transcript refused a value, such as the point at infinity, or its writer failed.
    #[error("writing to the transcript: {0}")]
    Transcript(io::Error),
}

/// Fault of a key file.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// The operating system's answer.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is no key file, or one of another version of this program.
    #[error("it isn't a key file of this version; make it again")]
    Foreign,
    /// The file is shorter or longer than its own table says.
    #[error("it has {found} bytes and should have {expected}; make it again")]
    Length {
        /// Length of the file.
        found: u64,
        /// Length by its table.
        expected: u64,
    },
    /// A checksum does not fit.
    #[error("{0} is damaged (its checksum is wrong); make it again")]
    Damaged(&'static str),
    /// The key is another circuit's, or the same circuit's with other parameters.
    #[error("it belongs to another circuit: {0}")]
    OtherCircuit(String),
}

/// First constraint that was found broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsatisfied {
    /// A gate's polynomial is not zero at a row.
    #[error("gate {index} ({name:?}), constraint {constraint} ({constraint_name:?}), at row {row}")]
    Gate {
        /// The gate's index in the constraint system.
        index: usize,
        /// Its name.
        name: String,
        /// The polynomial's index in the gate.
        constraint: usize,
        /// Its name, which may be empty.
        constraint_name: String,
        /// The row.
        row: usize,
    },
    /// A lookup's input is not in the table.
    #[error("lookup {index} ({name:?}): the input at row {row} is not in the table")]
    Lookup {
        /// The lookup's index in the constraint system.
        index: usize,
        /// Its name.
        name: String,
        /// The row of an input that the table lacks.
        row: usize,
    },
    /// Two cells that a copy constraint ties have different values.
    #[error("copy constraint: {left} and {right} differ")]
    Copy {
        /// A cell.
        left: Cell,
        /// The next cell of its cycle.
        right: Cell,
    },
}

/// Cell of the circuit's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Kind of column.
    pub kind: ColumnKind,
    /// The column's index among its kind.
    pub column: usize,
    /// The row.
    pub row: usize,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ColumnKind::Advice => "advice",
            ColumnKind::Fixed => "fixed",
            ColumnKind::Instance => "instance",
        };
        write!(f, "{kind} column {}, row {}", self.column, self.row)
    }
}

/// Kind of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ColumnKind {
    /// Witness.
    Advice,
    /// Part of the circuit.
    Fixed,
    /// Public input.
    Instance,
}

impl From<&plonk::Any> for ColumnKind {
    fn from(any: &plonk::Any) -> Self {
        match any {
            plonk::Any::Advice(_) => Self::Advice,
            plonk::Any::Fixed => Self::Fixed,
            plonk::Any::Instance => Self::Instance,
        }
    }
}
