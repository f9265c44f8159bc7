/** The rights that a program gives up before it becomes another one. It is passed as JSON. */
export interface ExecPolicy {
  /** The process that has started it. The program is killed when that one ends. */
  parent: number;
  limits: ExecLimits;
  landlock?: LandlockPolicy;
}

/** Limits of each process. Those of all together are somebody else's matter. */
export interface ExecLimits {
  /** Bytes of private memory that one process may write to. Reserved address space does not count (RLIMIT_DATA). */
  dataBytes?: number;
  /**
   * Processes and threads that the user may start beyond those that run now. The kernel counts all programs of the user
   * together, and does not hold root to it.
   */
  furtherProcesses?: number;
}

/** Paths that Landlock leaves to the program. */
export interface LandlockPolicy {
  /** Files and folders that can be read and run. */
  readable: readonly string[];
  /** Folders in which everything is allowed. */
  writable: readonly string[];
  /** Devices that can be read and written. */
  devices: readonly string[];
  network: boolean;
}
