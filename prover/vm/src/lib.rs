//! OpenVM's virtual machine with the extensions that the guest needs: it runs programs, meters them, and proves their
//! runs, segment by segment, up to the root proof.
//!
//! All of OpenVM's generic code is instantiated here, in functions without type parameters. It takes minutes to compile,
//! so what is above, with its tests, is a crate of its own (`zeno-prover`), and the tests of this one are integration
//! tests.
//!
//! ```no_run
//! # fn main() -> Result<(), zeno_vm::VmError> {
//! # let (elf, input) = (&[][..], &[][..]);
//! use zeno_vm::{Aggregation, Backend, Vm, make_app_key, transpile};
//!
//! let exe = transpile(elf)?;
//! let key = make_app_key()?;
//! let vm = Vm::new(&key)?;
//! let segments = vm.segments(&exe, input)?;
//! let program = vm.commit(&exe)?;
//! let mut run = vm.start(&exe, program, input, Backend::Zeno)?;
//! let proofs = segments.iter().map(|segment| run.prove(segment)).collect::<Result<Vec<_>, _>>()?;
//! let (aggregation, _) = Aggregation::make(&key);
//! let leaf = aggregation.prove(Backend::Zeno, 0, &proofs[..1])?;
//! # Ok(())
//! # }
//! ```

mod aggregation;
mod backend;
mod config;
mod error;
mod execute;
mod guest_output;
mod input;
mod keys;
mod program_commitment;
mod root;
mod types;
mod vm;

pub use aggregation::{Aggregation, AggregationKey, verify};
pub use backend::Backend;
pub use config::{
    LOG_STACKED_HEIGHT, SEGMENT_MEMORY, VM_TOML, aggregation_config, aggregation_tree, app_config, vm_config,
};
pub use error::VmError;
pub use execute::{Execution, Followed, Metered, run};
pub use keys::{is_aggregation_key_sound, is_app_key_sound, is_sound};
/// Part of a run that is proven on its own, of OpenVM.
pub use openvm_circuit::arch::execution_mode::Segment;
pub use root::{Root, RootKey, verify_root};
pub use types::{AppKey, Exe, RootProof, RunProof, StarkProof};
pub use vm::{
    CommittedProgram, PublicValuesProof, SegmentedRun, Vm, idle_program, make_app_key, transpile, verify_run,
};
