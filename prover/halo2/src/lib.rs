//! A Halo2-KZG prover that needs little memory.
//!
//! From the same reference string and circuit it makes the same verifying keys as `halo2-axiom`, the Halo2 fork under
//! OpenVM's static verifier. Its proofs have the same layout under the same transcript, and that fork's verifiers
//! accept them. Halo2's prover holds the polynomials of the key and of the witness on an extended domain. This one
//! holds coefficients, reads the key's polynomials from a file one at a time, and makes the quotient one coset at a
//! time.
//!
//! ```no_run
//! use halo2_proofs::{
//!     plonk::Circuit,
//!     transcript::{Blake2bWrite, Challenge255, TranscriptWriterBuffer},
//! };
//! use halo2curves::bn256::{Fr, G1Affine};
//! use zeno_halo2::{Error, keygen, prove, synthesize};
//! use zeno_srs::Srs;
//!
//! fn proof(
//!     cache: &std::path::Path,
//!     circuit: impl Circuit<Fr>,
//!     public: &[Fr],
//!     rng: &mut dyn rand_core::RngCore,
//! ) -> Result<Vec<u8>, Error> {
//!     let srs = Srs::open(cache, 23)?;
//!     let key = keygen(&srs, &circuit, false, "circuit.key")?;
//!     let advice = synthesize(&key, &circuit, &[public])?;
//!     let mut transcript = Blake2bWrite::<_, G1Affine, Challenge255<_>>::init(Vec::new());
//!     prove(&srs, &key, advice, &[public], rng, &mut transcript)?;
//!     Ok(transcript.finalize())
//! }
//! ```

mod batch_inverse;
mod column_builder;
mod columns;
mod copy_constraints;
mod error;
mod expression;
mod fft;
mod grand_product;
mod key;
mod keygen;
mod lookup;
mod msm;
mod permutation;
mod polynomials;
mod prover;
mod quotient;
mod shplonk;
mod srs;
mod synthesis;
mod vk;
mod witness_check;

pub use error::{Cell, ColumnKind, Error, KeyFault, Unsatisfied};
pub use key::ProvingKey;
pub use keygen::keygen;
pub use prover::{prove, synthesize};
pub use srs::{MemorySrs, SrsPoints};
pub use zeno_srs::SrsError;
