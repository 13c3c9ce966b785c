//! Instances of proofs in files: a proving key, and the traces to be proven under it. Devices can be measured and
//! compared on the very same work.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | length of the head, little-endian |
//! | that many | head: key and shapes, encoded by `bitcode` |
//! | 4 a cell | cells of all matrices in canonical form, 32-bit little-endian, row by row |
//!
//! The matrices are the preprocessed traces in the order of the AIRs; then, for each AIR with rows, its cached traces
//! and its common main trace. Preprocessed and cached traces are committed again when a file is read.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::Path,
    sync::Arc,
};

use openvm_cpu_backend::CpuBackend;
use openvm_stark_backend::{
    SystemParams,
    keygen::types::MultiStarkVerifyingKey,
    prover::{
        AirProvingContext, CommittedTraceData, DeviceMultiStarkProvingKey, DeviceStarkProvingKey,
        ProvingContext, TraceCommitter,
    },
};
use openvm_stark_sdk::config::baby_bear_poseidon2::BabyBearPoseidon2Config;
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use p3_matrix::{Matrix, dense::RowMajorMatrix};
use serde::{Deserialize, Serialize};

use crate::field::F;

type SC = BabyBearPoseidon2Config;
type Backend = CpuBackend<SC>;

/// Cells that are read or written at once.
const CELLS_AT_ONCE: usize = 1 << 16;
/// Bytes of the longest head that is accepted. The VM's head has 2 MB.
const LONGEST_HEAD: u64 = 1 << 28;

/// Content of a file except the cells.
#[derive(Serialize, Deserialize)]
struct Head {
    air_names: Vec<String>,
    key: MultiStarkVerifyingKey<SC>,
    max_constraint_degree: usize,
    preprocessed: Vec<Option<Shape>>,
    traces: Vec<TraceHead>,
}

/// Shapes and public values of an AIR's traces.
#[derive(Serialize, Deserialize)]
struct TraceHead {
    /// Index of the AIR.
    air: usize,
    cached: Vec<Shape>,
    main: Shape,
    public_values: Vec<F>,
}

/// Height and width of a matrix.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Shape(usize, usize);

impl Shape {
    fn of(matrix: &RowMajorMatrix<F>) -> Self {
        Self(matrix.height(), matrix.width)
    }
}

fn invalid(what: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_string())
}

/// Writes an instance to `path`.
///
/// # Errors
/// If the file cannot be written.
pub fn write(
    path: &Path,
    key: &DeviceMultiStarkProvingKey<Backend>,
    context: &ProvingContext<Backend>,
) -> io::Result<()> {
    let preprocessed = || key.per_air.iter().map(|air| air.preprocessed_data.as_ref());
    let traces = context.per_trace.iter().map(|(air, trace)| TraceHead {
        air: *air,
        cached: trace.cached_mains.iter().map(|cached| Shape::of(&cached.trace)).collect(),
        main: Shape::of(&trace.common_main),
        public_values: trace.public_values.clone(),
    });
    let head = Head {
        air_names: key.per_air.iter().map(|air| air.air_name.clone()).collect(),
        key: key.get_vk(),
        max_constraint_degree: key.max_constraint_degree,
        preprocessed: preprocessed().map(|data| data.map(|data| Shape::of(&data.trace))).collect(),
        traces: traces.collect(),
    };
    let head = bitcode::serialize(&head).map_err(io::Error::other)?;
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&(head.len() as u64).to_le_bytes())?;
    file.write_all(&head)?;
    let mut cells = |matrix: &RowMajorMatrix<F>| -> io::Result<()> {
        for cells in matrix.values.chunks(CELLS_AT_ONCE) {
            let bytes: Vec<u8> =
                cells.iter().flat_map(|cell| cell.as_canonical_u32().to_le_bytes()).collect();
            file.write_all(&bytes)?;
        }
        Ok(())
    };
    preprocessed().flatten().try_for_each(|data| cells(&data.trace))?;
    for (_, trace) in &context.per_trace {
        trace.cached_mains.iter().try_for_each(|cached| cells(&cached.trace))?;
        cells(&trace.common_main)?;
    }
    file.flush()
}

/// Size of an instance.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// AIRs with rows.
    pub tables: usize,
    /// Cells of all common main traces, padding included.
    pub cells: u64,
    /// Interactions of all rows, padding included.
    pub interactions: u64,
}

/// Reads the size of the instance in a file.
///
/// # Errors
/// If the file cannot be read or is no instance file.
pub fn size(path: &Path) -> io::Result<Size> {
    let Head { key, traces, .. } = read_head(&mut File::open(path)?)?;
    let interactions = |air: usize| key.inner.per_air[air].symbolic_constraints.interactions.len();
    Ok(Size {
        tables: traces.len(),
        cells: traces.iter().map(|trace| (trace.main.0 as u64).saturating_mul(trace.main.1 as u64)).sum(),
        interactions: traces
            .iter()
            .map(|trace| (trace.main.0 as u64).saturating_mul(interactions(trace.air) as u64))
            .sum(),
    })
}

/// Reads the proof system's parameters of the instance in a file.
///
/// # Errors
/// If the file cannot be read or is no instance file.
pub fn params(path: &Path) -> io::Result<SystemParams> {
    Ok(read_head(&mut File::open(path)?)?.key.inner.params)
}

fn read_head(file: &mut impl Read) -> io::Result<Head> {
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEAD {
        return Err(invalid(format!("a head of {length} bytes: not a recorded instance")));
    }
    let mut head = vec![0; length as usize];
    file.read_exact(&mut head)?;
    let head: Head = bitcode::deserialize(&head).map_err(invalid)?;
    let airs = head.key.inner.per_air.len();
    let known = head.traces.iter().all(|trace| trace.air < airs);
    if head.air_names.len() != airs || head.preprocessed.len() != airs || !known {
        return Err(invalid("the head disagrees with its key"));
    }
    Ok(head)
}

/// Reads an instance that [`write()`] wrote, and commits to its preprocessed and cached traces with `device`.
///
/// # Errors
/// If the file cannot be read or is no instance file, or a commitment is not the one in the key.
pub fn read(
    path: &Path,
    device: &impl TraceCommitter<Backend>,
) -> io::Result<(DeviceMultiStarkProvingKey<Backend>, ProvingContext<Backend>)> {
    let mut file = BufReader::new(File::open(path)?);
    let Head { air_names, key, max_constraint_degree, preprocessed, traces } = read_head(&mut file)?;
    let airs = key.inner.per_air.len();

    let mut matrix = |Shape(height, width): Shape| -> io::Result<RowMajorMatrix<F>> {
        let cells = height.checked_mul(width).filter(|_| height.is_power_of_two() && width > 0);
        let cells = cells.ok_or_else(|| invalid(format!("a matrix of {height} rows and {width} columns")))?;
        let mut values = Vec::new();
        let mut bytes = vec![0; 4 * CELLS_AT_ONCE.min(cells)];
        while values.len() < cells {
            let bytes = &mut bytes[..4 * CELLS_AT_ONCE.min(cells - values.len())];
            file.read_exact(bytes)?;
            for &cell in bytes.as_chunks::<4>().0 {
                let cell = u32::from_le_bytes(cell);
                if cell >= F::ORDER_U32 {
                    return Err(invalid(format!("a cell of {cell}")));
                }
                values.push(F::from_u32(cell));
            }
        }
        Ok(RowMajorMatrix::new(values, width))
    };
    let committed = |trace: RowMajorMatrix<F>| -> io::Result<CommittedTraceData<Backend>> {
        let (commitment, data) =
            device.commit(&[&trace]).map_err(|error| io::Error::other(format!("{error:?}")))?;
        Ok(CommittedTraceData { commitment, trace, data: Arc::new(data) })
    };
    let mut per_air = Vec::with_capacity(airs);
    for ((vk, air_name), shape) in key.inner.per_air.into_iter().zip(air_names).zip(preprocessed) {
        let preprocessed_data = shape.map(|shape| committed(matrix(shape)?)).transpose()?;
        if preprocessed_data.as_ref().map(|data| data.commitment)
            != vk.preprocessed_data.as_ref().map(|data| data.commit)
        {
            return Err(invalid(format!("the preprocessed trace of {air_name} is not its key's")));
        }
        per_air.push(DeviceStarkProvingKey { air_name, vk, preprocessed_data, other_data: () });
    }
    let mut per_trace = Vec::with_capacity(traces.len());
    for TraceHead { air, cached, main, public_values } in traces {
        let cached_mains =
            cached.into_iter().map(|shape| committed(matrix(shape)?)).collect::<io::Result<_>>()?;
        per_trace.push((air, AirProvingContext { cached_mains, common_main: matrix(main)?, public_values }));
    }
    let key = DeviceMultiStarkProvingKey::new(
        per_air,
        key.inner.trace_height_constraints,
        max_constraint_degree,
        key.inner.params,
        key.pre_hash,
    );
    Ok((key, ProvingContext::new(per_trace)))
}
