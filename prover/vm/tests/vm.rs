//! The VM's parameters, the bounds on its keys, and the commitment to the guest.

use openvm_circuit::arch::InitFileGenerator;
use openvm_sdk::{SC, keygen::AppProvingKey};
use openvm_stark_backend::keygen::types::MultiStarkProvingKey;
use zeno_vm::{
    LOG_STACKED_HEIGHT, SEGMENT_MEMORY, Vm, app_config, is_sound, make_app_key, transpile, vm_config,
};

const GUEST: &[u8] = include_bytes!("../../../config/guest/evm/3/zeno-guest.elf");

/// The parameters give 100 bits under assumptions on the VM's tables, which their documentation lists.
#[test]
fn tables_are_within_the_assumptions_of_100_bits() {
    let key = make_app_key().unwrap().get_app_vk().vk;
    let tables = &key.inner.per_air;
    assert!(tables.len() <= 100);
    let columns: usize = tables.iter().map(|table| table.params.width.total_width()).sum();
    assert!(columns <= 30_000, "{columns} columns");
    for table in tables {
        let constraints = &table.symbolic_constraints;
        assert!(constraints.interactions.len() <= 1_000);
        assert!(constraints.constraints.constraint_idx.len() <= 5_000);
    }
}

/// `config/vm.toml` and the guest's list have the same moduli, extensions and curves in the same order: an instruction names
/// them by their indices. OpenVM makes such a list from a configuration.
#[test]
fn the_guest_lists_moduli_and_curves_as_the_vm_does() {
    let code = |file: &str| -> String {
        let lines = file.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.flat_map(str::chars).filter(|char| !char.is_whitespace()).collect()
    };
    let guests = code(include_str!("../../../guest-evm/program/openvm_init.rs"));
    assert!(
        guests.contains("moduli_init!") && guests.contains("complex_init!") && guests.contains("sw_init!")
    );
    assert_eq!(guests, code(&vm_config().unwrap().generate_init_file_contents().unwrap()));
}

#[test]
fn limits_of_a_segment_are_the_measured_ones() {
    assert_eq!(vm_config().unwrap().system.config.segmentation_max_memory, SEGMENT_MEMORY);
    assert_eq!(app_config().unwrap().system_params.log_stacked_height(), LOG_STACKED_HEIGHT);
}

/// Counts that would take memory without end, under a right checksum.
#[test]
fn keys_with_absurd_counts_are_not_sound() {
    let params = app_config().unwrap().system_params;
    let AppProvingKey { app_vm_pk, .. } = make_app_key().unwrap();
    let altered = |alter: &dyn Fn(&mut MultiStarkProvingKey<SC>)| {
        let mut key = (*app_vm_pk.vm_pk).clone();
        alter(&mut key);
        is_sound(&key, &params)
    };
    assert!(altered(&|_| ()));
    assert!(!altered(&|key| key.params.l_skip = 60));
    assert!(!altered(&|key| key.params.w_stack = usize::MAX));
    assert!(!altered(&|key| key.per_air[0].vk.params.width.common_main = 1 << 60));
    assert!(!altered(&|key| key.per_air[0].vk.params.width.cached_mains = vec![usize::MAX, 2]));
    assert!(!altered(&|key| key.per_air[1].vk.params.num_public_values = 1 << 40));
}

#[test]
fn the_commitment_to_the_guest_is_openvms() {
    let vm = Vm::new(&make_app_key().unwrap()).unwrap();
    let exe = transpile(GUEST).unwrap();
    let (ours, reference) = (vm.commit(&exe).unwrap(), vm.commit_by_openvm(&exe));
    assert!(ours.same_as(&reference));
    assert_eq!(vm.exe_commitment(&exe, &ours), vm.exe_commitment(&exe, &reference));
}
