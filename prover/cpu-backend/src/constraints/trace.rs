//! Trace of an AIR while it is proven: its matrices and programs, and the matrix that remains after variables are
//! bound.
//!
//! A column `q` of height `2^l` is a prismalinear polynomial `q(Z, X_1, …, X_n)` on `D × H_n`, with `n = l - l_skip`:
//! row `z + 2^l_skip x` has the value at `(ω^z, bits of x)`. The rows with one x are a *block*, and [`LANES`] blocks
//! are a *tile*. A vector holds the same row of all blocks of a tile.
//!
//! [`AirTrace::fold`] binds `Z` to `r_0`, and [`FoldedTrace::bind`] binds `X_1`, `X_2`, … to `r_1`, `r_2`, ….

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
    constraints::program::{Output, Program, Variable},
    field::{EF, EP, F, LANES, LOG_LANES, P, lagrange, lane, linear_combination::Weights, transpose},
};

/// Least number of variables among [`LANES`] neighbouring columns for which these are read as a block.
const MIN_BLOCK_VARIABLES: usize = 3;

/// Plan for reading variables from a trace: [`LANES`] neighbouring columns at once where that pays, else one by one. A
/// variable's slot is its index in the list of variables.
pub(crate) struct OperandLoads {
    single: Vec<(Variable, usize)>,
    blocks: Vec<OperandBlock>,
}

/// [`LANES`] neighbouring columns of a matrix, from `column` on, in the row or in the next one.
struct OperandBlock {
    matrix: usize,
    next: bool,
    column: usize,
    /// Slot of each column, if it is a variable.
    slots: [Option<usize>; LANES],
}

impl OperandLoads {
    /// The plan for `variables`, which are ascending, from `matrices`.
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
            if count < MIN_BLOCK_VARIABLES || matrices[matrix].width < LANES {
                loads.single.extend(here.iter().copied().zip(slot..));
                continue;
            }
            let mut slots = [None; LANES];
            for (variable, slot) in here.iter().zip(slot..) {
                if let Variable::Cell { column, .. } = variable {
                    slots[column - first] = Some(slot);
                }
            }
            loads.blocks.push(OperandBlock { matrix, next, column: first, slots });
        }
        loads
    }
}

/// LogUp interaction of an AIR, with the outputs of a program as its expressions.
pub(crate) struct CompiledInteraction {
    /// `bus_index + 1`, which is multiplied by `β^len(message)` in the denominator.
    pub(crate) bus: F,
    /// Numerator.
    pub(crate) count: Output,
    /// Elements of the message, which are multiplied by `β^0, β^1, …`.
    pub(crate) message: Vec<Output>,
}

/// Trace of an AIR that has rows in this proof.
pub(crate) struct AirTrace<'a> {
    /// Preprocessed trace, if any, cached traces, and common main trace: each
    /// `[2^log_height rows × width columns, row-major]`.
    pub(crate) matrices: Vec<&'a RowMajorMatrix<F>>,
    pub(crate) log_height: usize,
    pub(crate) l_skip: usize,
    /// True if the constraints read the next row (OpenVM's `need_rot`).
    pub(crate) needs_next: bool,
    /// Greatest degree of the constraints and interactions.
    pub(crate) degree: usize,
    /// Program of the constraints and the interactions.
    pub(crate) program: Program,
    /// Constraints, as outputs of `program`.
    pub(crate) constraints: Vec<Output>,
    /// Program of the interactions alone, where the constraints aren't needed.
    pub(crate) interactions_program: Program,
    /// Interactions, over `interactions_program`.
    pub(crate) interactions: Vec<CompiledInteraction>,
    /// The same interactions, over `program`.
    pub(crate) joint_interactions: Vec<CompiledInteraction>,
    /// Plan for reading the variables of `program`.
    pub(crate) loads: OperandLoads,
    /// Plan for reading the variables of `interactions_program`.
    pub(crate) interactions_loads: OperandLoads,
}

impl<'a> AirTrace<'a> {
    /// Compiles the AIR of `key` for the trace of `context`.
    pub(crate) fn new<SC: StarkProtocolConfig<F = F, EF = EF>>(
        key: &'a DeviceStarkProvingKey<CpuBackend<SC>>,
        context: &'a AirProvingContext<CpuBackend<SC>>,
        l_skip: usize,
    ) -> Self {
        let preprocessed = key.preprocessed_data.as_ref().map(|data| &data.trace);
        let cached = context.cached_mains.iter().map(|data| &data.trace);
        let matrices: Vec<_> = preprocessed.into_iter().chain(cached).chain([&context.common_main]).collect();
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
        let program = Program::new(nodes, &all, first_main, &context.public_values);
        let interactions_program = Program::new(nodes, &expressions, first_main, &context.public_values);
        let interactions_of = |outputs: &[Output]| {
            let mut outputs = outputs.iter().copied();
            let mut next = || outputs.next().unwrap_or_else(|| unreachable!("each expression has an output"));
            symbolic
                .interactions
                .iter()
                .map(|interaction| CompiledInteraction {
                    bus: F::from_u32(u32::from(interaction.bus_index) + 1),
                    count: next(),
                    message: interaction.message.iter().map(|_| next()).collect(),
                })
                .collect()
        };
        let interactions = interactions_of(&interactions_program.outputs);
        let joint_interactions = interactions_of(&program.outputs[constraints.len()..]);
        let constraints = program.outputs[..constraints.len()].to_vec();
        let loads = OperandLoads::new(&program.variables, &matrices);
        let interactions_loads = OperandLoads::new(&interactions_program.variables, &matrices);
        Self {
            matrices,
            log_height: log2_strict_usize(context.height()),
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

    /// Number of variables after `Z`: log2 of the number of blocks. A trace of fewer rows is lifted to one block.
    pub(crate) fn n(&self) -> usize {
        self.log_height.saturating_sub(self.l_skip)
    }

    /// Normalisation of the numerators, `2^-(l_skip - log_height)` for a lifted trace, because its rows are repeated;
    /// else 1.
    pub(crate) fn norm(&self) -> F {
        F::from_usize(1 << self.l_skip.saturating_sub(self.log_height)).inverse()
    }

    /// Value of a variable in a row, modulo the height.
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

    /// Reads variables in `rows`, one for each lane of a vector, and passes each vector to `put` with its slot.
    #[inline]
    pub(crate) fn load(&self, loads: &OperandLoads, rows: &[usize; LANES], mut put: impl FnMut(usize, P)) {
        for &(variable, slot) in &loads.single {
            put(slot, P::from_fn(|lane| self.read(variable, rows[lane])));
        }
        let last = (1 << self.log_height) - 1;
        for &OperandBlock { matrix, next, column, slots } in &loads.blocks {
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

    /// Blocks of a tile, one for each lane, in bit-reversed order. If there are fewer than lanes, they are repeated.
    pub(crate) fn blocks(&self, tile: usize) -> [usize; LANES] {
        let n = self.n();
        std::array::from_fn(|lane| reverse_bits_len((tile * LANES + lane) & ((1 << n) - 1), n))
    }

    /// Number of tiles.
    pub(crate) fn tiles(&self) -> usize {
        (1usize << self.n()).div_ceil(LANES)
    }

    /// Columns of [`FoldedTrace`], in order: the selectors, then for each matrix its columns and, if needed, their
    /// rotations.
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

    /// Binds `Z` to `r`.
    pub(crate) fn fold(&self, r: EF) -> FoldedTrace {
        let size = 1usize << self.l_skip;
        let weights = Weights::new(&lagrange(self.l_skip, r));
        let columns = self.columns();
        let loads = OperandLoads::new(&columns, &self.matrices);
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
            FoldedRows::Packed(values)
        } else {
            FoldedRows::Scalar(first_rows(&values, width, 1 << n))
        };
        FoldedTrace { width, slots, rows }
    }
}

/// Unpacks the first `count` lanes of one row of vectors, `[count rows × width columns, row-major]`.
fn first_rows(values: &[EP], width: usize, count: usize) -> Vec<EF> {
    (0..count).flat_map(|row| values[..width].iter().map(move |&value| lane(value, row))).collect()
}

/// Trace whose first variables are bound.
pub(crate) struct FoldedTrace {
    width: usize,
    /// Column of each of the program's variables.
    slots: Vec<usize>,
    pub(crate) rows: FoldedRows,
}

/// Values over the hypercube of the variables that aren't bound, `[2^k rows × width columns, row-major]`, the rows in
/// bit-reversed order.
pub(crate) enum FoldedRows {
    /// More than [`LANES`] rows: [`LANES`] neighbouring rows in each vector, at least two vectors a column.
    Packed(Vec<EP>),
    /// At most [`LANES`] rows.
    Scalar(Vec<EF>),
}

impl FoldedTrace {
    /// The program's variables in two rows that differ in the next variable: for each, its values at 0 and at 1.
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

    /// Number of pairs of rows, or of vectors of rows.
    pub(crate) fn pairs<T>(&self, values: &[T]) -> usize {
        values.len() / self.width / 2
    }

    /// The program's variables in the only row, after all variables are bound.
    pub(crate) fn last_row(&self) -> Vec<EF> {
        let row = self.columns();
        self.slots.iter().map(|&column| row[column]).collect()
    }

    /// The only row, after all variables are bound: selectors and columns in the order of [`AirTrace::columns`].
    pub(crate) fn columns(&self) -> &[EF] {
        match &self.rows {
            FoldedRows::Scalar(values) if values.len() == self.width => values,
            _ => unreachable!("every variable is bound"),
        }
    }

    /// Binds the next variable to `r`. Does nothing if all are bound.
    pub(crate) fn bind(&mut self, r: EF) {
        match &mut self.rows {
            FoldedRows::Packed(values) => {
                let half = values.len() / 2;
                let (low, high) = values.split_at_mut(half);
                let packed = EP::from(r);
                low.par_iter_mut().with_min_len(1 << 12).zip(high).for_each(|(low, high)| {
                    *low += (*high - *low) * packed;
                });
                values.truncate(half);
                if half == self.width {
                    let rows = first_rows(values, self.width, LANES);
                    self.rows = FoldedRows::Scalar(rows);
                }
            }
            FoldedRows::Scalar(values) if values.len() > self.width => {
                let half = values.len() / 2;
                let (low, high) = values.split_at_mut(half);
                low.iter_mut().zip(high).for_each(|(low, high)| *low += (*high - *low) * r);
                values.truncate(half);
            }
            FoldedRows::Scalar(_) => {}
        }
    }
}
