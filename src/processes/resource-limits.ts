/** The most that a program and all that it starts may use together. A missing one is not limited. */
export interface ResourceLimits {
  memoryMb?: number | undefined;
  /** Processor cores: 0.5 is half of one. */
  cpus?: number | undefined;
  /** Processes and threads. */
  pids?: number | undefined;
}
