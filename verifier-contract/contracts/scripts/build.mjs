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

// What verifiers are compiled with, whatever their key: nearly all of one is an assembly block, which the Yul optimiser
// takes long for and makes no better. `zeno contract export` writes the same settings for forge.
// Without metadata the bytecode depends on the code alone.
const verifier = {
  optimizer: { enabled: true, runs: 10000, details: { constantOptimizer: false, yul: false } },
  evmVersion: "paris",
  viaIR: false,
  metadata: { bytecodeHash: "none", appendCBOR: false },
};
// The same as in foundry.toml.
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

// The assembler's input, by contract.
const assembly = new Map();
const read = (file) => readFileSync(join(root, file), "utf8");

/**
 * The contracts of a compilation that can be deployed, by name; interfaces with their ABI alone. Warnings stop it where
 * the sources are ours. `texts` has sources that are not in the file of their name.
 */
function compile(files, settings, { stops = ["error", "warning"], texts = {}, takes }) {
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(files.map((file) => [file, { content: texts[file] ?? read(file) }])),
    settings: { ...settings, outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.legacyAssembly"] } } },
  };
  // What is generated imports from ours.
  const find = (path) => (path.startsWith("src/") && existsSync(join(root, path)) ? { contents: read(path) } : { error: `${path} is not there` });
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: find }));
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
      if (!takes(name)) continue;
      if (runtime.length / 2 > MAX_RUNTIME_BYTES || creation.length / 2 > MAX_CREATION_BYTES) {
        console.error(`build-contracts: ${name} has ${runtime.length / 2} bytes, ${creation.length / 2} with its constructor: too large to deploy`);
        process.exit(2);
      }
      assembly.set(name, evm.legacyAssembly);
      found.push({ contractName: name, source: file, compiler: `solc ${solc.version()}`, settings, abi, bytecode: `0x${creation}`, deployedBytecode: `0x${runtime}` });
    }
  }
  return found;
}

/** What stands in the template's code where a verifier has a word of its key, by place: no coordinate of a point, and wide. */
const placeholder = (place, width) => `0x${"fe".repeat(width - 1).padStart(62, "0")}${place.toString(16).padStart(2, "0")}`;

/** The place of a word of the key, by its name in template/Halo2Verifier.sol: digest, seven points, `s_g2` negated. */
function place(name) {
  const [word, index, axis] = name.split(" ");
  if (word === "digest") return 0;
  if (word === "point") return 1 + 2 * Number(index) + (axis === "y" ? 1 : 0);
  if (word === "-s_g2") return 15 + Number(index);
  return undefined;
}

/**
 * The generated Halo2 verifier with placeholders for its key. The template says where that is in the committed one, which
 * has the same number of rows.
 */
function withoutKey(generated, template) {
  const names = [...template.matchAll(/\$\{([^}]*)\}/g)].map((match) => match[1]);
  let rest = generated;
  let text = "";
  for (const [index, fixed] of template.split(/\$\{[^}]*\}/).entries()) {
    const at = rest.indexOf(fixed);
    if (at < 0 || (index === 0 && at > 0)) throw new Error("generated/Halo2Verifier.sol is not of the template");
    const value = rest.slice(0, at);
    if (index > 0) {
      const found = place(names[index - 1]);
      text += found === undefined ? value : found === 0 ? BigInt(placeholder(found, 32)) : placeholder(found, 32);
    }
    text += fixed;
    rest = rest.slice(at + fixed.length);
  }
  return text;
}

/** The concrete verifier that is committed, as one of a known ceremony, and without a key. */
function templateVerifier() {
  const values = {
    NAME: "ZenoVerifierTemplate",
    TITLE: "The code of verifiers under a known ceremony, before a key is in it",
    NOTICE: "It accepts nothing: what stands in the places of the key are no points.",
    SRS_NOTICE: "The verifying key's SRS is that of a known ceremony.",
    INSECURE_SRS: "false",
    APP_EXE_COMMIT: placeholder(19, 31),
    APP_VM_COMMIT: placeholder(20, 31),
  };
  return Object.entries(values).reduce((text, [name, value]) => text.replaceAll(`{${name}}`, value), read("template/ZenoVerifier.sol"));
}

// Our interfaces and the light client; and the verifiers, which are OpenVM's contract and ours in one, for the committed
// key and for none.
const halo2 = "generated/Halo2Verifier.sol";
const openVm = ["generated/OpenVmHalo2Verifier.sol", "generated/interfaces/IOpenVmHalo2Verifier.sol"];
const contracts = [
  ...compile(sources(join(root, "src")), ours, { takes: (name) => ["IZenoVerifier", "ZenoLightClient"].includes(name) }),
  ...compile(["generated/ZenoVerifierInsecureDev.sol", halo2, ...openVm], verifier, {
    stops: ["error"],
    takes: (name) => name === "ZenoVerifierInsecureDev",
  }),
  ...compile(["generated/ZenoVerifierTemplate.sol", halo2, ...openVm], verifier, {
    stops: ["error"],
    texts: { "generated/ZenoVerifierTemplate.sol": templateVerifier(), [halo2]: withoutKey(read(halo2), read("template/Halo2Verifier.sol")) },
    takes: (name) => name === "ZenoVerifierTemplate",
  }),
];

/** Where a contract's runtime code pushes the target of a jump: what has to be set anew when code moves. */
function jumps({ contractName, deployedBytecode }) {
  const code = Buffer.from(deployedBytecode.slice(2), "hex");
  const found = [];
  let at = 0;
  for (const { name } of assembly.get(contractName)[".data"][0][".code"]) {
    // A name for the JUMPDEST that follows.
    if (name === "tag") continue;
    if (name === "PUSH [tag]") {
      if (code[at] !== 0x61 || code[code.readUInt16BE(at + 1)] !== 0x5b) throw new Error(`${contractName}: no target is pushed at ${at}`);
      found.push(at);
    }
    at += code[at] >= 0x60 && code[at] <= 0x7f ? code[at] - 0x5e : 1;
  }
  if (at !== code.length) throw new Error(`${contractName}: ${code.length - at} bytes follow its code`);
  return found;
}

const wanted = new Map();
for (const contract of contracts) {
  const name = `${contract.contractName}.json`;
  if (wanted.has(name)) throw new Error(`two contracts are named ${contract.contractName}`);
  wanted.set(name, JSON.stringify(contract, null, 2) + "\n");
}
const [places, others] = contracts.filter(({ source }) => source.startsWith("generated/")).map((contract) => `${jumps(contract).join("\n")}\n`);
if (places !== others) throw new Error("the verifiers differ in more than their keys");
wanted.set("ZenoVerifierJumps.txt", places);
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
