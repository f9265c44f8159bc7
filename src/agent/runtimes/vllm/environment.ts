import { dirname } from "node:path";
import type { AgentEnvironment } from "./command.ts";

const passed = [
  /^(PATH|HOME|USER|LOGNAME|SHELL|TZ|TMPDIR|LANG|LC_\w+|XDG_\w+)$/,
  /^(LD_LIBRARY_PATH|CC|CXX|CPATH|LIBRARY_PATH)$/,
  /^(CUDA|NVIDIA|NCCL|HIP|HSA|ROCR|ROCM|HF|HUGGINGFACE|TRANSFORMERS|VLLM|TORCH|TORCHINDUCTOR|PYTORCH|TRITON|FLASHINFER|OMP|MKL)_\w+$/,
  /^(HUGGING_FACE_HUB_TOKEN|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)$/,
  /^(https?|all|no)_proxy$/i,
];

/**
 * Returns the whole environment of a vLLM, except for its marker: variables for the model and the GPU, and
 * none of the agent's credentials (T30).
 *
 * @param executable an absolute path
 */
export function vllmEnvironment(
  env: AgentEnvironment,
  { executable, sleepMode }: { executable: string; sleepMode: boolean },
): Record<string, string> {
  const kept = Object.entries(env).filter(
    ([name, value]) => value !== undefined && name !== "VLLM_API_KEY" && passed.some((one) => one.test(name)),
  ) as [string, string][];
  return {
    ...Object.fromEntries(kept),
    // Programs of a virtual environment, such as ninja, come first, as when it is activated.
    PATH: `${dirname(executable)}:${env["PATH"] ?? "/usr/bin:/bin"}`,
    // vLLM names its processes with setproctitle, which without this overwrites the environment in /proc, and with it
    // the marker.
    SPT_NOENV: "1",
    // Without it vLLM has no routes for sleep and wake.
    ...(sleepMode && { VLLM_SERVER_DEV_MODE: "1" }),
  };
}
