//! Copying, comparing and clearing of memory, at every alignment.

use crate::{
    bytes,
    case::{Case, check},
    seeded,
};

#[test]
fn memory() {
    let mut rng = seeded(71);
    let lengths = (0..=40).chain([63, 64, 65, 67, 95, 96, 97, 99, 128, 131, 255]);
    let cases: Vec<_> = lengths
        .flat_map(|length| (0..16).map(move |offsets| (offsets, length)))
        .map(|(offsets, length)| Case::memory(offsets / 4 + 4, offsets % 4, &bytes(&mut rng, length)))
        .collect();
    check(&cases);
}
