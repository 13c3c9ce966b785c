//! Result of execution in the forms to which the header commits.

pub(crate) mod bloom;
pub(crate) mod receipts;
