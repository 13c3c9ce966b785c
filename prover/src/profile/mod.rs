//! Profile of a run of the guest: instructions, and cells of the tables that prove them, by function and by phase.

mod phases;

use std::collections::HashMap;

use elf::{ElfBytes, abi::STT_FUNC, endian::LittleEndian};
use serde::Serialize;

use zeno_vm::{Followed, Vm};

use crate::{error::ProverError, guest::Guest, profile::phases::PHASES};

/// Cost of a part of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Number of instructions.
    pub instructions: u64,
    /// Cells of the tables' rows that these instructions fill, without padding.
    pub cells: u64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.instructions += other.instructions;
        self.cells += other.cells;
    }
}

/// Cost of a run of the guest by its parts.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Cost by chain of calls: the folded stacks that flame graphs are drawn from. A chain has the outermost function
    /// first, and semicolons between the names. The cost is the last function's own, without the functions that it
    /// calls.
    pub stacks: Vec<(String, Cost)>,
    /// Cost by function, without the functions that it calls. Most cells come first.
    pub functions: Vec<(String, Cost)>,
    /// Cost by phase of validation, in the order in which they begin.
    pub phases: Vec<(&'static str, Cost)>,
}

/// Name for code outside all symbols.
const UNKNOWN: &str = "(no symbol)";

/// Runs the guest in `elf` and follows it instruction by instruction, some ten million a second. The file must have its
/// symbols.
///
/// # Errors
/// [`VmError::Elf`](zeno_vm::VmError::Elf) when `elf` is no guest or has no symbols,
/// [`VmError::Refused`](zeno_vm::VmError::Refused) when the guest refuses the input.
pub(crate) fn profile(vm: &Vm, elf: &[u8], input: &[u8]) -> Result<Profile, ProverError> {
    let code = Code::read(elf)?;
    let guest = Guest::from_elf(elf)?;
    let mut calls = Calls::new(code.function(guest.exe.pc_start));
    vm.follow(&guest.exe, input, &mut |Followed { pc, next, instructions, cells }| {
        calls.spend(Cost { instructions, cells });
        if next != pc {
            calls.step(&code, pc, next);
        }
    })?;
    Ok(calls.profile(&code))
}

/// Tree of the calls of a run, and the run's position in it.
struct Calls {
    nodes: Vec<Node>,
    children: HashMap<(usize, usize), usize>,
    /// Calls that have not returned: the caller's node, and the address where it continues.
    open: Vec<(usize, u32)>,
    current: usize,
}

struct Node {
    function: usize,
    parent: Option<usize>,
    cost: Cost,
}

impl Calls {
    fn new(function: usize) -> Self {
        let root = Node { function, parent: None, cost: Cost::default() };
        Self { nodes: vec![root], children: HashMap::new(), open: Vec::new(), current: 0 }
    }

    fn spend(&mut self, cost: Cost) {
        self.nodes[self.current].cost += cost;
    }

    /// Follows the instruction at address `pc`, with `next` as the address after it.
    fn step(&mut self, code: &Code, pc: u32, next: u32) {
        if code.is_call(pc) {
            self.open.push((self.current, pc.wrapping_add(4)));
            self.current = self.child(self.current, code.function(next));
            return;
        }
        // Most instructions, and all loops, stay within their function. In a function that calls itself, only a return
        // leads back to the call.
        let function = code.function(next);
        if next == pc.wrapping_add(4) || (code.function(pc) == function && !code.is_return(pc)) {
            return;
        }
        if let Some(depth) = self.open.iter().rposition(|(_, back)| *back == next) {
            self.current = self.open[depth].0;
            self.open.truncate(depth);
        } else if function != self.nodes[self.current].function {
            // A tail call replaces the function.
            let caller = self.nodes[self.current].parent.unwrap_or(0);
            self.current = self.child(caller, function);
        }
    }

    /// Returns the node of a call of `function` by the node `parent`.
    fn child(&mut self, parent: usize, function: usize) -> usize {
        *self.children.entry((parent, function)).or_insert_with(|| {
            self.nodes.push(Node { function, parent: Some(parent), cost: Cost::default() });
            self.nodes.len() - 1
        })
    }

    /// Sums up the nodes' costs.
    fn profile(&self, code: &Code) -> Profile {
        let mut phases: Vec<_> = PHASES.iter().map(|(name, _)| (*name, Cost::default())).collect();
        let begins: Vec<_> = code.symbols.iter().map(|symbol| phases::begun_by(&symbol.name)).collect();
        // A node comes after its parent.
        let mut of_node: Vec<(String, usize)> = Vec::with_capacity(self.nodes.len());
        let mut functions: HashMap<usize, Cost> = HashMap::new();
        let mut stacks = Vec::new();
        for node in &self.nodes {
            let name = code.name(node.function);
            let begun = begins.get(node.function).copied().flatten();
            let (stack, phase) = match node.parent.map(|parent| &of_node[parent]) {
                Some((above, phase)) => (format!("{above};{name}"), begun.unwrap_or(*phase)),
                None => (name.to_owned(), begun.unwrap_or(0)),
            };
            *functions.entry(node.function).or_default() += node.cost;
            phases[phase].1 += node.cost;
            if node.cost != Cost::default() {
                stacks.push((stack.clone(), node.cost));
            }
            of_node.push((stack, phase));
        }
        let mut functions: Vec<_> =
            functions.into_iter().map(|(function, cost)| (code.name(function).to_owned(), cost)).collect();
        functions.sort_by(|(a, x), (b, y)| y.cells.cmp(&x.cells).then_with(|| a.cmp(b)));
        Profile { stacks, functions, phases }
    }
}

/// Function of the program: addresses `start..end`.
struct Symbol {
    start: u32,
    end: u32,
    name: String,
}

/// Text of the program: its instructions and its functions.
struct Code {
    base: u32,
    words: Vec<u32>,
    /// Function of each word, as an index of `symbols`, or the number of symbols for none.
    functions: Vec<usize>,
    symbols: Vec<Symbol>,
}

impl Code {
    fn read(elf: &[u8]) -> Result<Self, ProverError> {
        let file = ElfBytes::<LittleEndian>::minimal_parse(elf).map_err(invalid)?;
        let text = file
            .section_header_by_name(".text")
            .map_err(invalid)?
            .ok_or_else(|| ProverError::elf("it has no section .text"))?;
        let (bytes, _) = file.section_data(&text).map_err(invalid)?;
        let words = bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect::<Vec<_>>();
        let base = text.sh_addr as u32;
        let symbols = symbols(&file)?;
        let functions = (0..words.len())
            .map(|index| {
                let pc = base.wrapping_add(4 * index as u32);
                let next = symbols.partition_point(|symbol| symbol.start <= pc);
                next.checked_sub(1).filter(|last| pc < symbols[*last].end).unwrap_or(symbols.len())
            })
            .collect();
        Ok(Self { base, words, functions, symbols })
    }

    fn index(&self, pc: u32) -> usize {
        (pc.wrapping_sub(self.base) / 4) as usize
    }

    fn function(&self, pc: u32) -> usize {
        self.functions.get(self.index(pc)).copied().unwrap_or(self.symbols.len())
    }

    fn name(&self, function: usize) -> &str {
        self.symbols.get(function).map_or(UNKNOWN, |symbol| &symbol.name)
    }

    /// Opcode of the instruction at `pc` if it is a jump, and the register for the address of the next instruction
    /// (RISC-V, volume I, section 2.5).
    fn jump(&self, pc: u32) -> Option<(u32, u32)> {
        let word = self.words.get(self.index(pc))?;
        let (opcode, register) = (word & 0x7f, word >> 7 & 0x1f);
        matches!(opcode, 0x67 | 0x6f).then_some((opcode, register))
    }

    /// Returns whether the instruction is a call: a jump that keeps the way back in a link register, `ra` or `t0`.
    fn is_call(&self, pc: u32) -> bool {
        self.jump(pc).is_some_and(|(_, register)| matches!(register, 1 | 5))
    }

    /// Returns whether the instruction is a return: a jump to a register, without a way back.
    fn is_return(&self, pc: u32) -> bool {
        self.jump(pc) == Some((0x67, 0))
    }
}

fn invalid(error: elf::ParseError) -> ProverError {
    ProverError::elf(error)
}

/// Functions of an ELF file, by address.
fn symbols(file: &ElfBytes<'_, LittleEndian>) -> Result<Vec<Symbol>, ProverError> {
    let (table, names) = file
        .symbol_table()
        .map_err(invalid)?
        .ok_or_else(|| ProverError::elf("it has no symbols; build it without `strip`"))?;
    let mut symbols = Vec::new();
    for symbol in table.iter().filter(|symbol| symbol.st_symtype() == STT_FUNC && symbol.st_size > 0) {
        let name = names.get(symbol.st_name as usize).map_err(invalid)?;
        // A semicolon separates the names in folded stacks.
        symbols.push(Symbol {
            start: symbol.st_value as u32,
            end: (symbol.st_value + symbol.st_size) as u32,
            name: format!("{:#}", rustc_demangle::demangle(name)).replace(';', ","),
        });
    }
    symbols.sort_by_key(|symbol| (symbol.start, symbol.end));
    Ok(symbols)
}
