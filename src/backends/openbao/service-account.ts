import { readFile } from "node:fs/promises";
import { AppError } from "../../errors.ts";

/** The file in which Kubernetes keeps the token of a pod's service account. It replaces it from time to time. */
const path = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** Reads the token of the pod's service account. Throws AppError if there is none. */
export async function readServiceAccountToken(): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new AppError("secret_unavailable", `no service account's token can be read from ${path}`, {
      cause,
    });
  }
}
