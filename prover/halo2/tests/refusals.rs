//! Everything that is refused, with the names of the errors.

mod common;

use std::{fs, os::unix::fs::FileExt, path::Path};

use common::{Mixed, Shape, both, columns, params, range, rng};
use halo2_proofs::{
    SerdeFormat,
    circuit::{Layouter, SimpleFloorPlanner, Value},
    plonk::{self, Advice, Circuit, Column, ConstraintSystem, FirstPhase, SecondPhase},
    poly::kzg::commitment::ParamsKZG,
};
use halo2curves::{bn256::Fr, ff::Field};
use zeno_halo2::{
    Cell, ColumnKind, Error, KeyFault, MemorySrs, ProvingKey, SrsError, SrsPoints, Unsatisfied, keygen,
    prove, synthesize,
};

#[test]
fn broken_gates_are_named() {
    let circuit = Mixed::new(Shape::default(), 1);
    let both = both(circuit.shape.k, &circuit, false);
    let instances = circuit.instances();
    let advice = both.advice(&circuit, &instances);
    assert!(both.blake2b(advice.clone(), &instances, 1).is_ok());
    // Column, row, and the gate that breaks first: blocks start at rows 1, 5, 9, ….
    for (column, row, index, name, constraint, constraint_name, at) in [
        (1, 9, 0, "product", 0, "", 9),
        (0, 10, 1, "neighbours", 0, "sum", 10),
        (2, 11, 1, "neighbours", 1, "scaled", 10),
        (1, 15, 2, "power", 0, "", 13),
    ] {
        let mut advice = advice.clone();
        advice[column][row] += Fr::ONE;
        let error = both.blake2b(advice, &instances, 1).unwrap_err();
        let Error::Unsatisfied(found) = error else { panic!("{error}") };
        let expected = Unsatisfied::Gate {
            index,
            name: name.into(),
            constraint,
            constraint_name: constraint_name.into(),
            row: at,
        };
        assert_eq!(found, expected);
    }
}

#[test]
fn broken_copies_are_named() {
    let circuit = Mixed::new(Shape::default(), 2);
    let both = both(circuit.shape.k, &circuit, false);
    let instances = circuit.instances();
    let advice = both.advice(&circuit, &instances);
    let cell = |kind, column, row| Cell { kind, column, row };
    // Column 3 of block 2, at row 9, is equal to columns 2 and 4 and to the public input.
    let mut altered = advice.clone();
    altered[3][9] += Fr::ONE;
    let error = both.blake2b(altered, &instances, 1).unwrap_err();
    let Error::Unsatisfied(Unsatisfied::Copy { left, right }) = error else { panic!("{error}") };
    assert!([left, right].contains(&cell(ColumnKind::Advice, 3, 9)), "{left}, {right}");
    // A wrong public input.
    let mut other = instances.clone();
    other[0][4] += Fr::ONE;
    let error = both.blake2b(advice.clone(), &other, 1).unwrap_err();
    let Error::Unsatisfied(Unsatisfied::Copy { left, right }) = error else { panic!("{error}") };
    assert!([left, right].contains(&cell(ColumnKind::Instance, 0, 4)), "{left}, {right}");
    // An altered constant: row 3 of block 0 is equal to the fixed column's row 0 of the block.
    let mut altered = advice;
    altered[2][4] += Fr::ONE;
    let error = both.blake2b(altered, &instances, 1).unwrap_err();
    let Error::Unsatisfied(Unsatisfied::Copy { left, right }) = error else { panic!("{error}") };
    let mut pair = [left, right];
    pair.sort_by_key(|cell| cell.kind);
    assert_eq!(pair, [cell(ColumnKind::Advice, 2, 4), cell(ColumnKind::Fixed, 0, 1)]);
}

#[test]
fn broken_lookups_are_named() {
    let circuit = Mixed::new(Shape::default(), 3);
    let both = both(circuit.shape.k, &circuit, false);
    let instances = circuit.instances();
    let inputs = circuit.shape.advice;
    let mut advice = both.advice(&circuit, &instances);
    advice[inputs + 1][12] += Fr::ONE;
    let error = both.blake2b(advice, &instances, 1).unwrap_err();
    let Error::Unsatisfied(found) = error else { panic!("{error}") };
    assert_eq!(found, Unsatisfied::Lookup { index: 0, name: "squares".into(), row: 12 });
    // In halo2-base a looked-up cell is a copy, so the copy constraint breaks first.
    let built = range(8, 12, 1, None);
    let both = common::both(8, &built.builder, false);
    let mut advice = both.advice(&built.builder, &built.instances);
    let column = advice.len() - 1;
    let row = advice[column].iter().position(|value| *value != Fr::ZERO).unwrap();
    advice[column][row] = Fr::from(1 << common::LOOKUP_BITS);
    let error = both.blake2b(advice, &built.instances, 1).unwrap_err();
    assert!(matches!(error, Error::Unsatisfied(Unsatisfied::Copy { .. })), "{error}");
}

#[test]
fn wrong_shapes_are_refused() {
    let circuit = Mixed::new(Shape::default(), 4);
    let both = both(circuit.shape.k, &circuit, false);
    let instances = circuit.instances();
    let advice = both.advice(&circuit, &instances);
    let prove =
        |advice: Vec<Vec<Fr>>, instances| both.blake2b(advice, &instances, 1).unwrap_err().to_string();
    assert!(
        prove(advice[1..].to_vec(), instances.clone()).contains("advice columns: 6, the circuit needs 7")
    );
    let mut short = advice.clone();
    short[2].pop();
    assert!(prove(short, instances.clone()).contains("values in advice column 2: 63, the circuit needs 64"));
    assert!(prove(advice.clone(), vec![]).contains("instance columns: 0, the circuit needs 1"));
    assert!(prove(advice, vec![vec![Fr::ONE; 64]]).contains("values in instance column 0, at most: 64"));
    let other = Mixed::new(Shape { k: 7, ..circuit.shape }, 4);
    let srs = MemorySrs::from(&params(7));
    let advice = both.advice(&circuit, &instances);
    let mut transcript = common::Script::new(1);
    let error =
        zeno_halo2::prove(&srs, &both.ours, advice, &columns(&instances), &mut rng(1), &mut transcript)
            .unwrap_err();
    assert!(matches!(error, Error::SrsSize { srs: 7, circuit: 6 }), "{error}");
    // More rows than the key has.
    let error = synthesize(&both.ours, &other, &columns(&instances)).unwrap_err();
    assert!(matches!(error, Error::Assignment { .. } | Error::Synthesis(_)), "{error}");
}

/// Opens a key, which must fail, and returns the fault.
fn fault(path: &Path, shape: Shape) -> KeyFault {
    match ProvingKey::open::<Mixed>(path, shape) {
        Err(Error::Key { path: named, reason }) => {
            assert_eq!(named, path);
            reason
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("opened"),
    }
}

#[test]
fn damaged_keys_are_refused() {
    let circuit = Mixed::new(Shape::default(), 5);
    let both = both(circuit.shape.k, &circuit, false);
    let instances = circuit.instances();
    let path = both.folder.path().join("key");
    let bytes = fs::read(&path).unwrap();
    let damaged = both.folder.path().join("damaged");
    assert!(matches!(fault(&damaged, circuit.shape), KeyFault::Io(_)));
    // A pipe is neither waited for nor replaced.
    let pipe = both.folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(matches!(fault(&pipe, circuit.shape), KeyFault::Io(_)));
    let error = keygen(&both.srs, &circuit, false, &pipe).err().unwrap();
    assert!(error.to_string().contains("is not a regular file"), "{error}");
    assert!(!pipe.is_file());
    for length in [0, 1, 40, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&damaged, &bytes[..length]).unwrap();
        assert!(matches!(fault(&damaged, circuit.shape), KeyFault::Foreign | KeyFault::Length { .. }));
    }
    // Files that are cut or lengthened before the table.
    for altered in [[&bytes[1..]].concat(), [&[7], &bytes[..]].concat()] {
        fs::write(&damaged, altered).unwrap();
        assert!(matches!(fault(&damaged, circuit.shape), KeyFault::Length { .. }));
    }
    // Any altered byte. The table and the verifying key are checked when the file is opened, the rest when it is read.
    let advice = both.advice(&circuit, &instances);
    for position in (0..bytes.len()).step_by(bytes.len() / 60) {
        let mut altered = bytes.clone();
        altered[position] ^= 0x10;
        fs::write(&damaged, altered).unwrap();
        let error = match ProvingKey::open::<Mixed>(&damaged, circuit.shape) {
            Err(error) => error,
            Ok(key) => {
                let transcript = &mut common::Script::new(1);
                prove(&both.srs, &key, advice.clone(), &columns(&instances), &mut rng(1), transcript)
                    .unwrap_err()
            }
        };
        let Error::Key { reason, .. } = error else { panic!("byte {position}: {error}") };
        assert!(
            matches!(reason, KeyFault::Damaged(_) | KeyFault::Foreign | KeyFault::Length { .. }),
            "byte {position}: {reason}"
        );
    }
}

#[test]
fn other_circuits_keys_are_refused() {
    let shape = Shape::default();
    let both = both(shape.k, &Mixed::new(shape, 6), true);
    let path = both.folder.path().join("key");
    // The same circuit with another witness is the same circuit.
    assert!(ProvingKey::open::<Mixed>(&path, shape).is_ok());
    for other in [Shape { advice: 6, ..shape }, Shape { lookup: None, ..shape }, Shape { degree: 5, ..shape }]
    {
        assert!(matches!(fault(&path, other), KeyFault::OtherCircuit(_)), "{other:?}");
    }
}

#[test]
fn an_installed_reference_string_is_read() {
    let circuit = Mixed::new(Shape::default(), 7);
    let k = circuit.shape.k;
    let folder = tempfile::tempdir().unwrap();
    let [installed] = zeno_srs::development(folder.path(), &[k], &()).unwrap().try_into().unwrap();
    let params = ParamsKZG::read_custom(&mut installed.reader(), SerdeFormat::RawBytes).unwrap();
    let (file, memory): (&dyn SrsPoints, _) = (&installed, MemorySrs::from(&params));
    assert_eq!(file.k(), memory.k());
    assert_eq!(file.g(3..17).unwrap(), memory.g(3..17).unwrap());
    assert_eq!(file.g_lagrange(0..64).unwrap(), memory.g_lagrange(0..64).unwrap());
    assert_eq!((file.g2(), file.s_g2()), (memory.g2(), memory.s_g2()));
    let [from_file, from_memory] = ["file", "memory"].map(|name| folder.path().join(name));
    let from_file = keygen(file, &circuit, false, from_file).unwrap();
    let from_memory = keygen(&memory, &circuit, false, from_memory).unwrap();
    assert_eq!(from_file.verifying_key().transcript_repr(), from_memory.verifying_key().transcript_repr());

    // A file that is altered after it was opened: points off the curve, elements too large, infinity.
    let bytes = fs::read(installed.path()).unwrap();
    let start = 4 + 64 * (64 + 5);
    for point in [[1; 64], [0xff; 64], [0; 64]] {
        fs::OpenOptions::new()
            .write(true)
            .open(installed.path())
            .unwrap()
            .write_all_at(&point, start)
            .unwrap();
        assert!(file.g_lagrange(0..5).is_ok());
        let error = file.g_lagrange(2..64).unwrap_err();
        assert!(error.to_string().contains("g_lagrange[5]"), "{error}");
        let error = keygen(file, &circuit, false, folder.path().join("none")).unwrap_err();
        assert!(matches!(error, Error::Srs(_)), "{error}");
        assert!(!folder.path().join("none").exists());
    }
    fs::write(installed.path(), &bytes[..bytes.len() - 300]).unwrap();
    assert!(matches!(file.g_lagrange(0..64), Err(SrsError::Io { .. })));
}

#[test]
fn too_few_rows_are_refused() {
    let circuit = Mixed::new(Shape::default(), 8);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let error = keygen(&MemorySrs::from(&params(2)), &circuit, false, &path).unwrap_err();
    assert!(matches!(error, Error::NotEnoughRows { k: 2, .. }), "{error}");
    // The circuit has 2^6 rows.
    let error = keygen(&MemorySrs::from(&params(5)), &circuit, false, &path).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Assignment { .. }
                | Error::Synthesis(plonk::Error::NotEnoughRowsAvailable { current_k: 5 })
        ),
        "{error}"
    );
    assert!(!path.exists());
}

/// Circuits that the prover doesn't support, or that synthesise badly.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Odd {
    #[default]
    Phases,
    Challenge,
    Degree,
    NoEquality,
    Unknown,
}

impl Circuit<Fr> for Odd {
    type Config = [Column<Advice>; 2];
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Self;

    fn without_witnesses(&self) -> Self {
        *self
    }

    fn params(&self) -> Self {
        *self
    }

    fn configure(_: &mut ConstraintSystem<Fr>) -> Self::Config {
        unreachable!("it has parameters")
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, odd: Self) -> Self::Config {
        let first = meta.advice_column();
        if odd == Self::Challenge {
            meta.challenge_usable_after(FirstPhase);
        }
        let second =
            if odd == Self::Phases { meta.advice_column_in(SecondPhase) } else { meta.advice_column() };
        if odd == Self::Degree {
            meta.create_gate("high", |meta| {
                let cell = meta.query_advice(first, halo2_proofs::poly::Rotation::cur());
                vec![(0..5).fold(cell.clone(), |product, _| product * cell.clone())]
            });
        }
        [first, second]
    }

    fn synthesize(&self, config: Self::Config, mut layouter: impl Layouter<Fr>) -> Result<(), plonk::Error> {
        layouter.assign_region(
            || "odd",
            |mut region| {
                let first = region.assign_advice(config[0], 3, Value::known(Fr::ONE));
                let value = first.value().map(|value| **value);
                let second = region.assign_advice(config[1], 4, value).cell();
                if *self == Self::NoEquality {
                    region.constrain_equal(first.cell(), second);
                }
                Ok(())
            },
        )
    }
}

#[test]
fn unsupported_circuits_are_refused() {
    let srs = MemorySrs::from(&params(5));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    for (odd, reason) in [
        (Odd::Phases, "2 phases"),
        (Odd::Challenge, "challenges"),
        (Odd::Degree, "degree 6, above the cap of 5"),
    ] {
        let error = keygen(&srs, &odd, false, &path).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)) && error.to_string().contains(reason), "{error}");
        assert!(!path.exists());
    }
    let error = keygen(&srs, &Odd::NoEquality, false, &path).unwrap_err();
    assert!(error.to_string().contains("advice column 0, row 3: a copied cell's column must be"), "{error}");
    let key = keygen(&srs, &Odd::Unknown, false, &path).unwrap();
    let error = synthesize(&key, &Odd::Unknown, &[]).unwrap_err();
    assert!(error.to_string().contains("advice column 1, row 4: the value is unknown"), "{error}");
}
