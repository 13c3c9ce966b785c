// What the scripts that write test vectors share. The tries are those of @ethereumjs/mpt: an implementation that is
// not ours, so that the contracts are tested against something else than themselves.
import { MerklePatriciaTrie, createMerkleProof } from "@ethereumjs/mpt";
import { RLP } from "@ethereumjs/rlp";
import { keccak_256 } from "@noble/hashes/sha3.js";

export const bytes = (hex) => Uint8Array.from(Buffer.from(hex.slice(2), "hex"));
export const hex = (data) => "0x" + Buffer.from(data).toString("hex");
export const keccak = (data) => keccak_256(data);
/** A number as a hex quantity of 32 bytes. */
export const word = (value) => "0x" + BigInt(value).toString(16).padStart(64, "0");

/** The trie of a block's list: entries by the RLP of their index. */
export async function listTrie(entries) {
  const trie = new MerklePatriciaTrie();
  for (const [index, entry] of entries.entries()) await trie.put(RLP.encode(index), entry);
  return trie;
}

/** The nodes on the way to `key`, without those that are embedded in their parents. */
export async function proofOf(trie, key) {
  const nodes = await createMerkleProof(trie, key);
  return nodes.filter((node, index) => index === 0 || node.length >= 32).map(hex);
}
