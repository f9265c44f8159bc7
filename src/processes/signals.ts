/**
 * Sends a signal to a process.
 *
 * @returns false when there is no such process, or when it belongs to another user
 */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  return send(pid, signal);
}

/**
 * Sends a signal to every process of a group. Signal 0 only tells whether the group has a process.
 *
 * @param pid the group's number, which is that of its first process
 * @returns false when the group is empty, or when all of it belongs to other users
 */
export function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  return send(-pid, signal);
}

function send(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(target, signal);
    return true;
  } catch (error) {
    // ESRCH: it is gone. EPERM: it is another user's.
    const { code } = error as { code?: string };
    if (code === "ESRCH" || code === "EPERM") return false;
    throw error;
  }
}
