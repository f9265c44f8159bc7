/**
 * Signs a release: `bun scripts/sign-release.ts dist/release --key key.pem` writes `SHA256SUMS.sig`, the signature of
 * Ed25519 in base64. `--public` only prints the public key, for `packaging/release-key.pub` or MCPCTL_UPDATE_KEY.
 */
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { releaseKey } from "./compile.ts";
import { sumsFile } from "./release/checksums.ts";

const { values: flags, positionals } = parseArgs({
  options: { key: { type: "string" }, public: { type: "boolean" } },
  allowPositionals: true,
});
if (flags.key === undefined) throw new Error("--key names the file of the private key");
const key = createPrivateKey(readFileSync(flags.key));
if (key.asymmetricKeyType !== "ed25519") throw new Error(`${flags.key} is no key of Ed25519`);
// The last 32 bytes of its usual form (SPKI).
const own = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32).toString("base64");
if (flags.public) console.log(own);
else {
  const [folder] = positionals;
  if (folder === undefined) throw new Error("the folder of the release is missing");
  const known = releaseKey();
  if (known !== "" && known !== own)
    throw new Error(
      `this is not the key of packaging/release-key.pub, so that no program would take the release`,
    );
  const path = join(folder, sumsFile);
  writeFileSync(`${path}.sig`, `${sign(null, readFileSync(path), key).toString("base64")}\n`);
  console.log(`${path}.sig`);
}
