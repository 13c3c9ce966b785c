// Compiles what is deployed and writes one JSON file a contract under artifacts/, or with --check compares.
// scripts/build-contracts is the way to call it.
import { createRequire } from "node:module";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const solc = createRequire(import.meta.url)("solc");
const root = fileURLToPath(new URL("..", import.meta.url));
const artifacts = join(root, "artifacts");
// EIP-170, and EIP-3860 for what creates it.
const MAX_RUNTIME_BYTES = 24576;
const MAX_CREATION_BYTES = 49152;

// The settings that OpenVM 2.0 compiles its generated verifier with: that verifier is one assembly block that the
// Yul optimiser takes long for and makes no better.
const generated = {
  optimizer: { enabled: true, runs: 100000, details: { constantOptimizer: false, yul: false } },
  evmVersion: "paris",
  viaIR: false,
};
// The same as in foundry.toml. Without metadata the bytecode depends on the code alone.
const ours = {
  optimizer: { enabled: true, runs: 10000 },
  evmVersion: "paris",
  viaIR: false,
  metadata: { bytecodeHash: "none", appendCBOR: false },
};

/** All Solidity files below a folder, as paths from the contracts' root. */
function sources(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith(".sol") ? [relative(root, path)] : [];
  });
}

/**
 * The contracts of a compilation that can be deployed, by name; interfaces with their ABI alone. Warnings stop it where
 * the sources are ours.
 */
function compile(files, settings, stops = ["error", "warning"]) {
  if (files.length === 0) return [];
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(files.map((file) => [file, { content: readFileSync(join(root, file), "utf8") }])),
    settings: { ...settings, outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } } },
  };
  // What is generated imports from ours.
  const read = (path) => (path.startsWith("src/") && existsSync(join(root, path)) ? { contents: readFileSync(join(root, path), "utf8") } : { error: `${path} is not there` });
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: read }));
  const problems = (output.errors ?? []).filter(({ severity }) => stops.includes(severity));
  if (problems.length > 0) {
    for (const { formattedMessage } of problems) console.error(formattedMessage);
    process.exit(2);
  }
  const found = [];
  for (const file of files) {
    for (const [name, { abi, evm }] of Object.entries(output.contracts[file] ?? {})) {
      const runtime = evm.deployedBytecode.object;
      const creation = evm.bytecode.object;
      // Of what can't be deployed only our interfaces are of use, and OpenVM's verifier includes its base.
      if (runtime ? name === "Halo2Verifier" || file.startsWith("src/lib/") : !file.startsWith("src/I")) continue;
      if (runtime.length / 2 > MAX_RUNTIME_BYTES || creation.length / 2 > MAX_CREATION_BYTES) {
        console.error(`build-contracts: ${name} has ${runtime.length / 2} bytes, ${creation.length / 2} with its constructor: too large to deploy`);
        process.exit(2);
      }
      found.push({ contractName: name, source: file, compiler: `solc ${solc.version()}`, settings, abi, bytecode: `0x${creation}`, deployedBytecode: `0x${runtime}` });
    }
  }
  return found;
}

// What is made for a guest and an SRS: the verifier that OpenVM generates, by its own settings, and ours over it.
// OpenVM's is the same for all keys but for Halo2Verifier.sol, and can't be compiled before that is there.
const isOpenVm = (file) => /(^|\/)(interfaces\/.*|Halo2Verifier|OpenVmHalo2Verifier)\.sol$/.test(file);
const made = sources(join(root, "generated"));
const openVm = made.includes("generated/Halo2Verifier.sol") ? made.filter(isOpenVm) : [];
const contracts = [
  ...compile([...sources(join(root, "src")), ...made.filter((file) => !isOpenVm(file))], ours),
  ...compile(openVm, generated, ["error"]),
];

const wanted = new Map();
for (const contract of contracts) {
  const name = `${contract.contractName}.json`;
  if (wanted.has(name)) throw new Error(`two contracts are named ${contract.contractName}`);
  wanted.set(name, JSON.stringify(contract, null, 2) + "\n");
}
const present = existsSync(artifacts) ? readdirSync(artifacts) : [];

if (process.argv.includes("--check")) {
  const differing = [
    ...[...wanted].filter(([name, text]) => !present.includes(name) || readFileSync(join(artifacts, name), "utf8") !== text).map(([name]) => name),
    ...present.filter((name) => !wanted.has(name)),
  ];
  for (const name of differing) console.error(`build-contracts: artifacts/${name} is not what the sources give`);
  if (differing.length > 0) process.exit(1);
} else {
  mkdirSync(artifacts, { recursive: true });
  for (const name of present) if (!wanted.has(name)) rmSync(join(artifacts, name));
  for (const [name, text] of wanted) writeFileSync(join(artifacts, name), text);
}
for (const { contractName, bytecode, deployedBytecode } of contracts) {
  if (bytecode !== "0x") console.log(`${contractName}: ${deployedBytecode.length / 2 - 1} bytes deployed, ${bytecode.length / 2 - 1} to create`);
}
