import { readFile } from "node:fs/promises";
import { AppError } from "../../errors.ts";

/** Where Kubernetes puts the token of a pod's service account; it is replaced there from time to time. */
const path = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** The token of the pod's service account, as it is now. Throws AppError where there is none. */
export async function readServiceAccountToken(): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new AppError("secret_unavailable", `no service account's token can be read from ${path}`, {
      cause,
    });
  }
}
