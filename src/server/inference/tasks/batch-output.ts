import type { InferenceBatch, InferenceTask } from "../../core/store/task-store.ts";

/** The reasons why a request of a batch was not sent, in OpenAI's words. */
const unsent: Readonly<Partial<Record<InferenceTask["state"], object>>> = {
  expired: {
    code: "batch_expired",
    message: "This request could not be executed before the completion window expired.",
  },
  cancelled: { code: "batch_cancelled", message: "This request was not executed: the batch was cancelled." },
};

/** The files of a batch, in the form of the API that it was made with. */
interface BatchFiles {
  /** Returns the line of a request in the file of answers. */
  output(task: InferenceTask): string;
  /** Returns the line of a request that has no answer. It goes to a file of errors, or with `together` to the same file. */
  failure(task: InferenceTask): string;
  together?: true;
}

export const batchFiles: Readonly<Record<InferenceBatch["form"], BatchFiles>> = {
  openai: { output: answered, failure },
  anthropic: { output: succeeded, failure: unsuccessful, together: true },
};

function answered(task: InferenceTask): string {
  const { id, customId, status, requestId, answer } = task;
  const head = JSON.stringify({ id, custom_id: customId }).slice(0, -1);
  const response = JSON.stringify({ status_code: status, request_id: requestId }).slice(0, -1);
  return `${head},"response":${response},"body":${oneLine(answer ?? "null")}},"error":null}\n`;
}

function failure(task: InferenceTask): string {
  const error = unsent[task.state];
  if (!error) return answered(task);
  return `${JSON.stringify({ id: task.id, custom_id: task.customId, response: null, error })}\n`;
}

/** https://platform.claude.com/docs/en/api/retrieving-message-batch-results */
function succeeded({ customId, answer }: InferenceTask): string {
  const head = JSON.stringify({ custom_id: customId }).slice(0, -1);
  return `${head},"result":{"type":"succeeded","message":${oneLine(answer ?? "null")}}}\n`;
}

function unsuccessful({ customId, state, answer }: InferenceTask): string {
  const head = JSON.stringify({ custom_id: customId }).slice(0, -1);
  if (state !== "failed")
    return `${head},"result":{"type":"${state === "expired" ? "expired" : "canceled"}"}}\n`;
  return `${head},"result":{"type":"errored","error":${oneLine(answer ?? "null")}}}\n`;
}

/** JSON has line ends between its tokens only. */
function oneLine(json: string): string {
  return json.replace(/[\r\n]+/g, " ");
}
