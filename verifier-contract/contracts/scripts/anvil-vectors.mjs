// Writes what a live anvil says of its state, with its proofs, for test/AnvilProofs.t.sol.
//
//   node scripts/anvil-vectors.mjs OUT
import { RLP } from "@ethereumjs/rlp";
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { bytes, hex, keccak, listTrie, proofOf, word } from "./tries.mjs";

const out = process.argv[2];
if (!out) {
  console.error("anvil-vectors: name the file to write");
  process.exit(2);
}
const binary = fileURLToPath(new URL("../node_modules/.bin/anvil", import.meta.url));
// Port 0 lets the system choose; anvil says which. Blocks are made on demand, so that several transactions share one.
const anvil = spawn(binary, ["--port", "0", "--no-mining"], { stdio: ["ignore", "pipe", "inherit"] });
process.on("exit", () => anvil.kill());

const url = await new Promise((resolve, reject) => {
  let text = "";
  anvil.stdout.on("data", (data) => {
    text += data;
    const found = text.match(/Listening on (\S+)/);
    if (found) resolve(`http://${found[1]}`);
  });
  anvil.on("error", reject);
  anvil.on("exit", (code) => reject(new Error(`anvil stopped with ${code}`)));
});

async function rpc(method, ...params) {
  const reply = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }) });
  const { result, error } = await reply.json();
  if (error) throw new Error(`${method}: ${error.message}`);
  return result;
}

const quantity = (value) => "0x" + BigInt(value).toString(16);
const [sender, other] = await rpc("eth_accounts");
const type0 = { gasPrice: quantity(3_000_000_000) };
const type2 = { maxFeePerGas: quantity(3_000_000_000), maxPriorityFeePerGas: "0x1" };
const send = (transaction) => rpc("eth_sendTransaction", { from: sender, gas: quantity(200_000), ...transaction });

// A contract that stores the second word of its calldata at the first, and logs the two.
// PUSH1 20 CALLDATALOAD PUSH1 0 CALLDATALOAD SSTORE; CALLDATACOPY 0 0 40; LOG0 0 40; STOP
const runtime = "602035600035556040600060003760406000a000";
const creation = `0x73${runtime}6000526014600cf3`;
const created = await send({ data: creation, ...type0 });
await rpc("evm_mine");
const contract = (await rpc("eth_getTransactionReceipt", created)).contractAddress;

// 140 entries, so that indices of one and two bytes occur; legacy and typed ones; one without success.
const slots = [];
for (let index = 0; index < 140; index++) {
  const slot = index < 4 ? word(index) : hex(keccak(bytes(word(index))));
  const value = index === 3 ? word((1n << 256n) - 1n) : word(index + 1);
  slots.push({ slot, value });
  const data = slot + value.slice(2);
  await send({ to: contract, data, ...(index % 2 ? type0 : type2), ...(index === 7 ? { gas: quantity(25_000) } : {}) });
}
await rpc("evm_mine");

const block = await rpc("eth_getBlockByNumber", "latest", false);
const receipts = await rpc("eth_getBlockReceipts", "latest");
const trim = (value) => (BigInt(value) === 0n ? new Uint8Array() : bytes("0x" + BigInt(value).toString(16).replace(/^(.(..)*)$/, "0$1")));
const encoded = receipts.map((receipt) => {
  const logs = receipt.logs.map(({ address, topics, data }) => [bytes(address), topics.map(bytes), bytes(data)]);
  const body = RLP.encode([trim(receipt.status), trim(receipt.cumulativeGasUsed), bytes(receipt.logsBloom), logs]);
  return Number(receipt.type) ? Uint8Array.from([Number(receipt.type), ...body]) : body;
});
const trie = await listTrie(encoded);
if (hex(trie.root()) !== block.receiptsRoot) throw new Error("the receipts root differs from the block's");

const accounts = [];
const absent = "0x00000000000000000000000000000000deadbeef";
for (const address of [sender, other, contract, absent]) {
  const wanted = address === contract ? [0, 3, 7, 100, 139].map((index) => slots[index].slot).concat(word(999_999)) : [word(0)];
  const proof = await rpc("eth_getProof", address, wanted, "latest");
  const exists = address !== absent;
  accounts.push({
    address,
    exists,
    nonce: Number(proof.nonce),
    balance: word(proof.balance),
    storageRoot: exists ? proof.storageHash : word(0),
    codeHash: exists ? proof.codeHash : word(0),
    proof: proof.accountProof,
    slots: await Promise.all(
      proof.storageProof.map(async (entry, index) => ({
        slot: wanted[index],
        // From the state, and not from the answer with the proof.
        value: await rpc("eth_getStorageAt", address, wanted[index], "latest"),
        proof: entry.proof,
      })),
    ),
  });
}
const list = [];
for (const index of [0, 1, 7, 127, 128, 139, 140]) {
  const entry = encoded[index];
  list.push({ index, found: !!entry, value: entry ? hex(entry) : "0x", proof: await proofOf(trie, RLP.encode(index)) });
}
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, JSON.stringify({ number: Number(block.number), blockHash: block.hash, stateRoot: block.stateRoot, receiptsRoot: block.receiptsRoot, accounts, receipts: list }, null, 1) + "\n");
process.exit(0);
