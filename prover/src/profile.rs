//! Which functions of the guest the instructions go to.

use std::collections::HashMap;

use elf::{ElfBytes, abi::STT_FUNC, endian::LittleEndian};
use openvm_circuit::arch::{InterpretedInstance, execution_mode::ExecutionCtx};
use openvm_sdk::F;

use crate::{
    Guest, ProverError,
    error::Stage,
    execute,
    execute::streams,
    stdout::{Output, executors},
    vm_config,
};

/// How many instructions a function executed, those of the functions it calls not included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionCount {
    /// The function's name, demangled.
    pub name: String,
    /// Its instructions.
    pub instructions: u64,
}

/// Runs the guest in `elf`, which must have its symbols, and counts each function's instructions: largest first.
///
/// The machine executes one instruction a call here, ten to twenty million a second.
///
/// # Errors
/// [`ProverError::Elf`] when `elf` is no guest or has no symbols, [`ProverError::Refused`] when the guest refuses
/// the input.
pub fn profile(elf: &[u8], input: &[u8]) -> Result<Vec<FunctionCount>, ProverError> {
    let symbols = symbols(elf)?;
    let guest = Guest::from_elf(elf)?;
    // Says why, if the guest refuses the input, which the loop below could not.
    execute::run(&guest, input)?;

    let config = vm_config()?;
    let output = Output::default();
    let inventory = executors(&config, &output).stage("building the interpreter")?;
    let interpreter =
        InterpretedInstance::<F, ExecutionCtx>::new(&inventory, &guest.exe).stage("loading the guest")?;
    let mut state = interpreter.create_initial_vm_state(streams(input));
    let mut counts: HashMap<u32, u64> = HashMap::new();
    loop {
        let pc = state.pc();
        *counts.entry(pc).or_default() += 1;
        state = interpreter.execute_from_state(state, Some(1)).stage("running one instruction")?;
        // Only the instruction that ends the program leaves the program counter in its place: the guest
        // would not have ended above, if it had jumped to where it was.
        if state.pc() == pc {
            break;
        }
    }

    let mut functions: HashMap<&str, u64> = HashMap::new();
    for (pc, count) in counts {
        let next = symbols.partition_point(|symbol| symbol.start <= pc);
        let symbol = symbols[..next].last().filter(|symbol| pc < symbol.end);
        *functions.entry(symbol.map_or("(no symbol)", |symbol| &symbol.name)).or_default() += count;
    }
    let mut functions: Vec<_> = functions
        .into_iter()
        .map(|(name, instructions)| FunctionCount { name: name.to_owned(), instructions })
        .collect();
    functions.sort_by(|a, b| b.instructions.cmp(&a.instructions).then_with(|| a.name.cmp(&b.name)));
    Ok(functions)
}

struct Symbol {
    start: u32,
    end: u32,
    name: String,
}

/// The functions of an ELF file, by address.
fn symbols(elf: &[u8]) -> Result<Vec<Symbol>, ProverError> {
    let invalid = |error: elf::ParseError| ProverError::Elf(error.to_string());
    let file = ElfBytes::<LittleEndian>::minimal_parse(elf).map_err(invalid)?;
    let (table, names) = file
        .symbol_table()
        .map_err(invalid)?
        .ok_or_else(|| ProverError::Elf("it has no symbols; build it without `strip`".to_owned()))?;
    let mut symbols = Vec::new();
    for symbol in table.iter().filter(|symbol| symbol.st_symtype() == STT_FUNC && symbol.st_size > 0) {
        let name = names.get(symbol.st_name as usize).map_err(invalid)?;
        symbols.push(Symbol {
            start: symbol.st_value as u32,
            end: (symbol.st_value + symbol.st_size) as u32,
            name: format!("{:#}", rustc_demangle::demangle(name)),
        });
    }
    symbols.sort_by_key(|symbol| (symbol.start, symbol.end));
    Ok(symbols)
}
