//! A table of the machine while it is proven: its trace, its programs, and what is left of the trace when variables
//! are bound.

use openvm_cpu_backend::CpuBackend;
use openvm_stark_backend::{
    StarkProtocolConfig,
    prover::{AirProvingContext, DeviceStarkProvingKey},
};
use p3_field::{Field, PackedValue, PrimeCharacteristicRing};
use p3_matrix::dense::RowMajorMatrix;
use p3_util::{log2_strict_usize, reverse_bits_len};
use rayon::prelude::*;

use crate::{
    field::{EF, EP, F, LANES, LOG_LANES, P, lagrange, lane, transpose},
    program::{Program, Root, Variable},
    weights::Weights,
};

/// Fewer columns of a block are read one by one.
const FEW: usize = 3;

/// How variables are read from a table: as many neighbouring columns at once as a vector has lanes, where it pays. A slot
/// is the place of a variable in the list.
pub(crate) struct Loads {
    single: Vec<(Variable, usize)>,
    blocks: Vec<Block>,
}

/// [`LANES`] neighbouring columns.
struct Block {
    matrix: usize,
    next: bool,
    column: usize,
    slots: [Option<usize>; LANES],
}

impl Loads {
    /// Of `variables`, which are sorted, from matrices of the given widths.
    fn new(variables: &[Variable], matrices: &[&RowMajorMatrix<F>]) -> Self {
        let mut loads = Self { single: Vec::new(), blocks: Vec::new() };
        let mut rest = variables;
        while let Some(&variable) = rest.first() {
            let slot = variables.len() - rest.len();
            let Variable::Cell { matrix, next, column } = variable else {
                loads.single.push((variable, slot));
                rest = &rest[1..];
                continue;
            };
            let first = column.min(matrices[matrix].width.saturating_sub(LANES));
            let within = |variable: &&Variable| match **variable {
                Variable::Cell { matrix: m, next: n, column } => {
                    (m, n) == (matrix, next) && column < first + LANES
                }
                _ => false,
            };
            let count = rest.iter().take_while(within).count();
            let (here, later) = rest.split_at(count);
            rest = later;
            if count < FEW || matrices[matrix].width < LANES {
                loads.single.extend(here.iter().copied().zip(slot..));
                continue;
            }
            let mut slots = [None; LANES];
            for (variable, slot) in here.iter().zip(slot..) {
                if let Variable::Cell { column, .. } = variable {
                    slots[column - first] = Some(slot);
                }
            }
            loads.blocks.push(Block { matrix, next, column: first, slots });
        }
        loads
    }
}

/// One LogUp interaction of a table, whose expressions are results of the table's program.
pub(crate) struct TableInteraction {
    /// β^length (bus + 1), to which the message is added.
    pub(crate) bus: F,
    pub(crate) count: Root,
    pub(crate) message: Vec<Root>,
}

/// A table with rows in this proof.
pub(crate) struct Table<'a> {
    /// The preprocessed trace, if any, the cached ones, and the common main trace.
    pub(crate) matrices: Vec<&'a RowMajorMatrix<F>>,
    pub(crate) log_height: usize,
    pub(crate) l_skip: usize,
    /// Whether the constraints look at the next row.
    pub(crate) needs_next: bool,
    pub(crate) degree: usize,
    /// Constraints and interactions.
    pub(crate) program: Program,
    pub(crate) constraints: Vec<Root>,
    /// Interactions alone, where only those are needed.
    pub(crate) interactions_program: Program,
    pub(crate) interactions: Vec<TableInteraction>,
    /// The same interactions over the program of both.
    pub(crate) joint_interactions: Vec<TableInteraction>,
    /// How the variables of both programs are read.
    pub(crate) loads: Loads,
    pub(crate) interactions_loads: Loads,
}

impl<'a> Table<'a> {
    pub(crate) fn new<SC: StarkProtocolConfig<F = F, EF = EF>>(
        key: &'a DeviceStarkProvingKey<CpuBackend<SC>>,
        trace: &'a AirProvingContext<CpuBackend<SC>>,
        l_skip: usize,
    ) -> Self {
        let preprocessed = key.preprocessed_data.as_ref().map(|data| &data.trace);
        let cached = trace.cached_mains.iter().map(|data| &data.trace);
        let matrices: Vec<_> = preprocessed.into_iter().chain(cached).chain([&trace.common_main]).collect();
        let first_main = usize::from(preprocessed.is_some());
        let symbolic = &key.vk.symbolic_constraints;
        let nodes = &symbolic.constraints.nodes;
        let expressions: Vec<usize> = symbolic
            .interactions
            .iter()
            .flat_map(|interaction| [&[interaction.count], interaction.message.as_slice()].concat())
            .collect();
        let constraints = &symbolic.constraints.constraint_idx;
        let all = [constraints.as_slice(), expressions.as_slice()].concat();
        let program = Program::new(nodes, &all, first_main, &trace.public_values);
        let interactions_program = Program::new(nodes, &expressions, first_main, &trace.public_values);
        let interactions_of = |roots: &[Root]| {
            let mut roots = roots.iter().copied();
            let mut next = || roots.next().unwrap_or_else(|| unreachable!("each expression has a result"));
            symbolic
                .interactions
                .iter()
                .map(|interaction| TableInteraction {
                    bus: F::from_u32(u32::from(interaction.bus_index) + 1),
                    count: next(),
                    message: interaction.message.iter().map(|_| next()).collect(),
                })
                .collect()
        };
        let interactions = interactions_of(&interactions_program.roots);
        let joint_interactions = interactions_of(&program.roots[constraints.len()..]);
        let constraints = program.roots[..constraints.len()].to_vec();
        let loads = Loads::new(&program.variables, &matrices);
        let interactions_loads = Loads::new(&interactions_program.variables, &matrices);
        Self {
            matrices,
            log_height: log2_strict_usize(trace.height()),
            l_skip,
            needs_next: key.vk.params.need_rot,
            degree: usize::from(key.vk.max_constraint_degree),
            program,
            constraints,
            interactions_program,
            interactions,
            joint_interactions,
            loads,
            interactions_loads,
        }
    }

    /// log2 of how many blocks of 2^l_skip rows there are; a table of fewer rows is repeated to one block.
    pub(crate) fn n(&self) -> usize {
        self.log_height.saturating_sub(self.l_skip)
    }

    /// By what a fraction's numerator is multiplied because the rows are repeated.
    pub(crate) fn norm(&self) -> F {
        F::from_usize(1 << self.l_skip.saturating_sub(self.log_height)).inverse()
    }

    /// The value of a variable in a row.
    #[inline]
    fn read(&self, variable: Variable, row: usize) -> F {
        let last = (1 << self.log_height) - 1;
        let row = row & last;
        match variable {
            Variable::IsFirst => F::from_bool(row == 0),
            Variable::IsTransition => F::from_bool(row != last),
            Variable::IsLast => F::from_bool(row == last),
            Variable::Cell { matrix, next, column } => {
                let matrix = self.matrices[matrix];
                let row = (row + usize::from(next)) & last;
                matrix.values[row * matrix.width + column]
            }
        }
    }

    /// Reads variables in as many rows as a vector holds, and puts each to its slot.
    #[inline]
    pub(crate) fn load(&self, loads: &Loads, rows: &[usize; LANES], mut put: impl FnMut(usize, P)) {
        for &(variable, slot) in &loads.single {
            put(slot, P::from_fn(|lane| self.read(variable, rows[lane])));
        }
        let last = (1 << self.log_height) - 1;
        for &Block { matrix, next, column, slots } in &loads.blocks {
            let matrix = self.matrices[matrix];
            let mut square = rows.map(|row| {
                let row = (row + usize::from(next)) & last;
                *P::from_slice(&matrix.values[row * matrix.width + column..][..LANES])
            });
            transpose(&mut square);
            for (slot, values) in slots.into_iter().zip(square) {
                if let Some(slot) = slot {
                    put(slot, values);
                }
            }
        }
    }

    /// The blocks in a tile, in bit-reversed order. With fewer blocks than lanes, they are repeated.
    pub(crate) fn blocks(&self, tile: usize) -> [usize; LANES] {
        let n = self.n();
        std::array::from_fn(|lane| reverse_bits_len((tile * LANES + lane) & ((1 << n) - 1), n))
    }

    /// How many tiles of [`LANES`] blocks there are.
    pub(crate) fn tiles(&self) -> usize {
        (1usize << self.n()).div_ceil(LANES)
    }

    /// All columns that are opened, selectors first: the order of [`Folded`]'s columns.
    fn columns(&self) -> Vec<Variable> {
        let mut columns = vec![Variable::IsFirst, Variable::IsTransition, Variable::IsLast];
        for (matrix, trace) in self.matrices.iter().enumerate() {
            for next in [false, true] {
                if !next || self.needs_next {
                    columns.extend((0..trace.width).map(|column| Variable::Cell { matrix, next, column }));
                }
            }
        }
        columns
    }

    /// Binds the first variable, which ranges over the group of order 2^l_skip, to `r`.
    pub(crate) fn fold(&self, r: EF) -> Folded {
        let size = 1usize << self.l_skip;
        let weights = Weights::new(&lagrange(self.l_skip, r));
        let columns = self.columns();
        let loads = Loads::new(&columns, &self.matrices);
        let width = columns.len();
        let n = self.n();
        let mut values = vec![EP::ZERO; width * self.tiles()];
        values.par_chunks_exact_mut(width).enumerate().for_each_init(
            || vec![P::ZERO; width * size],
            |block, (tile, out)| {
                let blocks = self.blocks(tile);
                for z in 0..size {
                    let rows = blocks.map(|block| (block << self.l_skip) + z);
                    self.load(&loads, &rows, |slot, values| block[slot * size + z] = values);
                }
                for (sum, values) in out.iter_mut().zip(block.chunks_exact(size)) {
                    *sum = weights.sum(values);
                }
            },
        );
        let slots = self
            .program
            .variables
            .iter()
            .map(|variable| columns.iter().position(|column| column == variable))
            .map(|position| position.unwrap_or_else(|| unreachable!("every variable is a column")))
            .collect();
        let rows = if n > LOG_LANES {
            Rows::Packed(values)
        } else {
            Rows::Scalar(first_rows(&values, width, 1 << n))
        };
        Folded { width, slots, rows }
    }
}

/// The first `count` rows of the lanes of one row of vectors.
fn first_rows(values: &[EP], width: usize, count: usize) -> Vec<EF> {
    (0..count).flat_map(|row| values[..width].iter().map(move |&value| lane(value, row))).collect()
}

/// A table whose first variables are bound: rows over the hypercube of the others, in bit-reversed order.
pub(crate) struct Folded {
    width: usize,
    /// The column of each of the program's variables.
    slots: Vec<usize>,
    pub(crate) rows: Rows,
}

pub(crate) enum Rows {
    /// At least two vectors a column.
    Packed(Vec<EP>),
    /// At most [`LANES`] rows.
    Scalar(Vec<EF>),
}

impl Folded {
    /// Two rows that the next round binds to one: variable by variable, the first's and the second's values.
    #[inline]
    pub(crate) fn pair<'v, T: Copy>(
        &'v self,
        values: &'v [T],
        index: usize,
    ) -> impl Iterator<Item = (T, T)> + 'v {
        let low = &values[index * self.width..][..self.width];
        let high = &values[values.len() / 2 + index * self.width..][..self.width];
        self.slots.iter().map(move |&column| (low[column], high[column]))
    }

    /// How many pairs of rows are left.
    pub(crate) fn pairs<T>(&self, values: &[T]) -> usize {
        values.len() / self.width / 2
    }

    /// The variables of the only row that is left.
    pub(crate) fn last_row(&self) -> Vec<EF> {
        let row = self.columns();
        self.slots.iter().map(|&column| row[column]).collect()
    }

    /// The only row that is left: selectors, and all columns.
    pub(crate) fn columns(&self) -> &[EF] {
        match &self.rows {
            Rows::Scalar(values) if values.len() == self.width => values,
            _ => unreachable!("every variable is bound"),
        }
    }

    /// Binds the next variable to `r`. Where none is left, nothing changes.
    pub(crate) fn bind(&mut self, r: EF) {
        match &mut self.rows {
            Rows::Packed(values) => {
                let half = values.len() / 2;
                let (low, high) = values.split_at_mut(half);
                let packed = EP::from(r);
                low.par_iter_mut().with_min_len(1 << 12).zip(high).for_each(|(low, high)| {
                    *low += (*high - *low) * packed;
                });
                values.truncate(half);
                if half == self.width {
                    let rows = first_rows(values, self.width, LANES);
                    self.rows = Rows::Scalar(rows);
                }
            }
            Rows::Scalar(values) if values.len() > self.width => {
                let half = values.len() / 2;
                let (low, high) = values.split_at_mut(half);
                low.iter_mut().zip(high).for_each(|(low, high)| *low += (*high - *low) * r);
                values.truncate(half);
            }
            Rows::Scalar(_) => {}
        }
    }
}
