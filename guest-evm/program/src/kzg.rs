//! The KZG point evaluation precompile (EIP-4844).

use crate::bls12_381::{combine, constant_g2, decompress_g1, generator_g1, is_product_one};
use hex_literal::hex;
use openvm_algebra_guest::IntMod;
use openvm_pairing::bls12_381::{G2Affine, Scalar};

/// −G₂, the negated base point of G2.
const MINUS_G2: G2Affine = constant_g2(
    [
        hex!("024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"),
        hex!("13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"),
    ],
    [
        hex!("0d1b3cc2c7027888be51d9ef691d77bcb679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa"),
        hex!("13fa4d4a0ad8b1ce186ed5061789213d993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed"),
    ],
);

/// [τ]G₂ of the Ethereum KZG ceremony (`g2_monomial[1]` of the trusted setup).
const TAU_G2: G2Affine = constant_g2(
    [
        hex!("185cbfee53492714734429b7b38608e23926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2"),
        hex!("15bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d2914e5870cb452d2afaaab24f3499f72"),
    ],
    [
        hex!("014353bdb96b626dd7d5ee8599d1fca2131569490e28de18e82451a496a9c9794ce26d105941f383ee689bfbbb832a99"),
        hex!("1666c54b0a32529503432fcae0181b4bef79de09fc63671fda5ed1ba9bfa07899495346f3d7ac9cd23048ef30d0a154f"),
    ],
);

/// Returns whether the committed polynomial has the value `y` at `z`: e(C − [y]G₁, G₂) = e(π, [τ − z]G₂).
/// Both scalars must be below the group's order, and both points must be compressed points of G1.
pub fn verify(commitment: &[u8; 48], z: &[u8; 32], y: &[u8; 32], proof: &[u8; 48]) -> bool {
    verified(commitment, z, y, proof).unwrap_or(false)
}

fn verified(commitment: &[u8; 48], z: &[u8; 32], y: &[u8; 32], proof: &[u8; 48]) -> Option<bool> {
    let (z, y) = (Scalar::from_be_bytes(z)?, Scalar::from_be_bytes(y)?);
    let (commitment, proof) = (decompress_g1(commitment)?, decompress_g1(proof)?);
    // With [z]π on the other side, there is no multiplication in G2: e(C − [y]G₁ + [z]π, −G₂) · e(π, [τ]G₂) =
    // 1.
    let shifted = combine(&[Scalar::ZERO - &y, z], &[generator_g1(), proof.clone()]) + &commitment;
    Some(is_product_one(&[shifted, proof], &[MINUS_G2, TAU_G2]))
}
