import { homedir } from "node:os";

/**
 * Returns the home folder of the user. A user without one gets "/", which is what container runtimes set: the system
 * knows no home for a user id that is not in /etc/passwd.
 */
export function homeFolder(env: Readonly<Record<string, string | undefined>>): string {
  if (env["HOME"]) return env["HOME"];
  try {
    return homedir() || "/";
  } catch {
    return "/";
  }
}
