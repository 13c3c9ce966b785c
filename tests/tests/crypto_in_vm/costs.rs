//! Costs of the operations in the VM, in instructions. The bounds are far above the measured costs, and far below the
//! costs of the same operations in software. So an accelerator that is no longer used exceeds them.

use crate::case::{Case, execute};
use crate::{bytes, seeded};

#[test]
fn instructions() {
    let mut rng = seeded(60);
    let measured = crate::ecdsa::samples(&mut rng)
        .into_iter()
        .chain(crate::bn254::samples(&mut rng))
        .chain(crate::bls12_381::samples(&mut rng))
        .chain(crate::kzg::samples(&mut rng))
        .chain(crate::modexp::samples(&mut rng))
        .chain([
            (Case::keccak(0, &bytes(&mut rng, 136)), 2_000),
            (Case::keccak(1, &bytes(&mut rng, 136)), 2_000),
            (Case::precompile("sha256 of 64 bytes", 2, &bytes(&mut rng, 64)), 4_000),
        ]);
    let empty = execute(&[]).expect("no operations").instructions;
    let mut failures = Vec::new();
    for (case, bound) in measured {
        let twice = [case.clone(), case];
        let instructions = execute(&twice).expect("a right operation").instructions;
        let once = execute(&twice[..1]).expect("a right operation").instructions;
        // The cost of the second run alone. The first run sets the accelerators up.
        println!(
            "{:40} {:>12} instructions, {:>12} the first time",
            twice[0].name,
            instructions - once,
            once - empty
        );
        if instructions - once > bound {
            failures.push(format!(
                "{}: {} instructions, more than {bound}",
                twice[0].name,
                instructions - once
            ));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
