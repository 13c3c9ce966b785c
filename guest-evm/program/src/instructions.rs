//! Instructions of the moduli and curves, by their index in the VM's configuration.

openvm::init!();
