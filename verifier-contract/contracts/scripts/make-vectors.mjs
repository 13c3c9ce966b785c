// Writes test/vectors: proofs from the recorded state of a mainnet block, and in tries that @ethereumjs/mpt builds.
//
//   node scripts/make-vectors.mjs RECORD
//
// RECORD is the folder of the recorded block, which has debug_executionWitness.json, debug_getRawBlock.json and
// eth_getBlockByNumber.json. The proofs are about the state before the block, since that is what a witness has.
import { MerklePatriciaTrie } from "@ethereumjs/mpt";
import { RLP } from "@ethereumjs/rlp";
import { readFileSync, writeFileSync } from "node:fs";
import { bytes, hex, keccak, listTrie, proofOf, word } from "./tries.mjs";

const record = process.argv[2];
if (!record) {
  console.error("make-vectors: name the folder of a recorded block");
  process.exit(2);
}
const read = (name) => {
  const json = JSON.parse(readFileSync(`${record}/${name}.json`));
  return json.result ?? json;
};
const write = (name, value) =>
  writeFileSync(new URL(`../test/vectors/${name}.json`, import.meta.url), JSON.stringify(value, null, 1) + "\n");

const nibblesOf = (data) => [...data].flatMap((byte) => [byte >> 4, byte & 15]);

/** Walks from `root` towards `key` in the witness; null where the witness lacks a node. */
function lookUp(nodes, root, key) {
  const path = nibblesOf(key);
  const proof = [];
  let reference = root;
  for (let depth = 0; ; ) {
    let node = reference;
    if (!Array.isArray(node)) {
      const raw = nodes.get(hex(reference));
      if (raw === undefined) return null;
      proof.push(hex(raw));
      node = RLP.decode(raw);
    }
    if (node.length === 17) {
      reference = node[path[depth++]];
    } else {
      const [first, ...rest] = nibblesOf(node[0]);
      const own = first & 1 ? rest : rest.slice(1);
      const same = own.every((nibble, index) => nibble === path[depth + index]);
      if (first & 2) return { value: same ? node[1] : null, proof };
      if (!same) return { value: null, proof };
      depth += own.length;
      reference = node[1];
    }
    if (reference.length === 0) return { value: null, proof };
  }
}

async function mainnet() {
  const witness = read("debug_executionWitness");
  const block = read("eth_getBlockByNumber");
  const nodes = new Map(witness.state.map((node) => [hex(keccak(bytes(node))), bytes(node)]));
  const parent = witness.headers.find((header) => hex(keccak(bytes(header))) === block.parentHash);
  const fields = RLP.decode(bytes(parent));
  const stateRoot = fields[3];

  const addresses = new Set([block.miner]);
  for (const { from, to } of block.transactions) for (const address of [from, to]) if (address) addresses.add(address);
  for (const { address } of block.withdrawals) addresses.add(address);
  // Simple slots, and the entries of mappings from addresses as Solidity lays them out.
  const slots = Array.from({ length: 16 }, (_, index) => word(index));
  for (const address of addresses)
    for (let index = 0; index < 10; index++) slots.push(hex(keccak(bytes(word(address) + word(index).slice(2)))));

  const kinds = { "externally owned": null, contract: null, absent: null };
  for (const address of addresses) {
    const found = lookUp(nodes, stateRoot, keccak(bytes(address)));
    if (found === null) continue;
    const account = { address, exists: found.value !== null, nonce: 0, balance: word(0), storageRoot: word(0), codeHash: word(0), proof: found.proof, slots: [] };
    if (found.value) {
      const [nonce, balance, storageRoot, codeHash] = RLP.decode(found.value).map(hex);
      Object.assign(account, { nonce: Number(BigInt(nonce === "0x" ? 0 : nonce)), balance: word(balance === "0x" ? 0 : balance), storageRoot, codeHash });
      for (const slot of slots) {
        const content = lookUp(nodes, bytes(storageRoot), keccak(bytes(slot)));
        if (content === null) continue;
        account.slots.push({ slot, value: content.value ? word(hex(RLP.decode(content.value))) : word(0), proof: content.proof });
      }
    }
    const set = account.slots.filter(({ value }) => BigInt(value) !== 0n).slice(0, 2);
    const unset = account.slots.filter(({ value, proof }) => BigInt(value) === 0n && proof.length > 0).slice(0, 2);
    account.slots = [...set, ...unset];
    if (!account.exists) kinds.absent ??= account;
    else if (set.length && unset.length) {
      // The smallest that has both, to keep the file small.
      const size = (candidate) => JSON.stringify(candidate).length;
      if (!kinds.contract || size(account) < size(kinds.contract)) kinds.contract = account;
    } else if (account.nonce && BigInt(account.balance)) kinds["externally owned"] ??= account;
  }
  for (const [kind, account] of Object.entries(kinds)) if (!account) throw new Error(`the record has no account of kind ${kind}`);

  // A block has its transactions in a trie of the same kind as its receipts.
  const [, transactions] = RLP.decode(bytes(read("debug_getRawBlock")));
  const entries = transactions.map((entry) => (Array.isArray(entry) ? RLP.encode(entry) : entry));
  const trie = await listTrie(entries);
  if (hex(trie.root()) !== block.transactionsRoot) throw new Error("the transactions root differs from the header's");
  const chosen = [0, 1, entries.length - 1, entries.length, 127, 128, 300];
  const list = [];
  for (const index of chosen) {
    const entry = entries[index];
    list.push({ index, found: !!entry, value: entry ? hex(entry) : "0x", proof: await proofOf(trie, RLP.encode(index)) });
  }
  write("mainnet", {
    header: parent,
    blockHash: block.parentHash,
    number: Number(hex(fields[8])),
    stateRoot: hex(stateRoot),
    receiptsRoot: hex(fields[5]),
    timestamp: Number(hex(fields[11])),
    accounts: Object.values(kinds),
    transactionsRoot: block.transactionsRoot,
    transactions: list,
  });
}

/** Tries that exercise what mainnet's do not: embedded nodes, values in branches, keys of any length. */
async function tries() {
  let state = 1n;
  const random = (below) => {
    // A linear congruential generator is enough for variety, and gives everyone the same file.
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number((state >> 33n) % BigInt(below));
  };
  const randomBytes = (length) => Uint8Array.from({ length }, () => random(256));
  const cases = [];
  for (let round = 0; round < 24; round++) {
    const trie = new MerklePatriciaTrie();
    const entries = new Map();
    const count = [1, 2, 3, 5, 8, 17][round % 6];
    for (let index = 0; index < count; index++) {
      // Short keys over few bytes share prefixes and are prefixes of one another.
      const key = round % 3 === 2 ? randomBytes(32) : Uint8Array.from({ length: 1 + random(4) }, () => random(3) * 16 + random(2));
      entries.set(hex(key), randomBytes(1 + random(round % 2 ? 3 : 60)));
    }
    for (const [key, value] of entries) await trie.put(bytes(key), value);
    const keys = [...entries.keys()].slice(0, 3);
    const first = bytes(keys[0]);
    for (const other of [first.slice(0, -1), Uint8Array.from([...first, 0]), first.map((byte, index) => (index === first.length - 1 ? byte ^ 1 : byte)), randomBytes(2)]) {
      if (other.length > 0 && other.length <= 32) keys.push(hex(other));
    }
    for (const key of keys) {
      const value = entries.get(key);
      cases.push({ root: hex(trie.root()), key, found: !!value, value: value ? hex(value) : "0x", proof: await proofOf(trie, bytes(key)) });
    }
  }
  write("tries", { cases });
}

await mainnet();
await tries();
