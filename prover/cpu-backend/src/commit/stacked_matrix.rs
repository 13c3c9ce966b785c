//! The stacked matrix `[2^(l_skip + n_stack) rows × width columns, column-major]`: the columns of all traces, one after
//! the other.

use openvm_stark_backend::prover::{ColMajorMatrix, error::StackedPcsError, stacked_pcs::StackedLayout};
use p3_field::{PackedValue, PrimeCharacteristicRing};
use p3_matrix::{Matrix, dense::RowMajorMatrix};
use p3_util::log2_strict_usize;
use rayon::prelude::*;

use crate::field::{F, LANES, P, transpose};

/// Columns that a task transposes: in a row, they fill a cache line.
const COLUMNS_PER_TASK: usize = 16;
/// Rows that a task transposes, where there are few columns.
const ROWS_PER_TASK: usize = 1 << 14;

/// Stacks `traces`, each `[2^l rows × width columns, row-major]` and the highest first, into a column-major matrix of
/// `2^(l_skip + n_stack)` rows. A column of less than `2^l_skip` rows takes so many, with a stride of `2^(l_skip - l)`.
///
/// # Errors
/// If a trace is higher than the stack, or the traces are not sorted.
pub(crate) fn stack(
    l_skip: usize,
    n_stack: usize,
    traces: &[&RowMajorMatrix<F>],
) -> Result<(ColMajorMatrix<F>, StackedLayout), StackedPcsError> {
    let shapes = traces.iter().map(|trace| (trace.width, log2_strict_usize(trace.height()))).collect();
    let layout = StackedLayout::new(l_skip, l_skip + n_stack, shapes)?;
    let height = 1usize << (l_skip + n_stack);
    let slots = |trace: &RowMajorMatrix<F>| trace.height().max(1 << l_skip);
    let cells: usize = traces.iter().map(|trace| slots(trace) * trace.width).sum();
    let width = cells.div_ceil(height);
    let mut values = F::zero_vec(width.checked_mul(height).ok_or(StackedPcsError::StackedMatrixOverflow)?);
    let mut rest = values.as_mut_slice();
    for trace in traces {
        // Because of the order of heights there are no gaps between columns.
        let (columns, later) = rest.split_at_mut(slots(trace) * trace.width);
        rest = later;
        let stride = slots(trace) / trace.height();
        if stride == 1 {
            transpose_trace(trace, columns);
        } else {
            for (column, to) in columns.chunks_exact_mut(slots(trace)).enumerate() {
                for (row, to) in to.iter_mut().step_by(stride).enumerate() {
                    *to = trace.values[row * trace.width + column];
                }
            }
        }
    }
    Ok((ColMajorMatrix::new(values, width), layout))
}

/// Writes the columns of `trace`, `[2^l rows × width columns, row-major]`, to `out` in column-major order.
fn transpose_trace(trace: &RowMajorMatrix<F>, out: &mut [F]) {
    let (height, width) = (trace.height(), trace.width);
    if width < LANES || height < LANES {
        for (column, out) in out.chunks_exact_mut(height).enumerate() {
            out.par_chunks_mut(ROWS_PER_TASK).enumerate().for_each(|(task, out)| {
                let rows = trace.values[task * ROWS_PER_TASK * width..].chunks_exact(width);
                out.iter_mut().zip(rows).for_each(|(to, row)| *to = row[column]);
            });
        }
        return;
    }
    out.par_chunks_mut(COLUMNS_PER_TASK * height).enumerate().for_each(|(task, out)| {
        let first = task * COLUMNS_PER_TASK;
        let count = out.len() / height;
        for row in (0..height).step_by(LANES) {
            let square = |column: usize| -> [P; LANES] {
                std::array::from_fn(|lane| {
                    *P::from_slice(&trace.values[(row + lane) * width + column..][..LANES])
                })
            };
            for start in (0..count).step_by(LANES) {
                // The last square overlaps with the one before it, or with the columns of another task.
                let column = (first + start).min(width - LANES);
                let mut square = square(column);
                transpose(&mut square);
                for (column, values) in (column..).zip(square) {
                    if (first + start..first + count).contains(&column) {
                        out[(column - first) * height + row..][..LANES].copy_from_slice(values.as_slice());
                    }
                }
            }
        }
    });
}
