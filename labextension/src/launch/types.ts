/** What the server says of launch files; the definitions are in gpurun_jupyter/core/launch and http/launch/launch.py. */
import type { Run } from '../server/types';

/** One option of a launch file as its JSON Schema has it. */
export interface Option {
  description?: string;
  type?: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object';
  enum?: string[];
  anyOf?: { type?: string }[];
  minimum?: number;
  maximum?: number;
  default?: unknown;
  examples?: unknown[];
}

export interface Schema {
  properties: Record<string, Option>;
}

/** Something that is not right, at a line and a column from 1. */
export interface Problem {
  line: number;
  column: number;
  message: string;
  hint: string;
}

export interface Combination {
  name: string;
  values: Record<string, unknown>;
  command: string;
  starts: { position: number; why: string; starts_in_s?: number | null } | null;
}

export interface Preview {
  problems: Problem[];
  count: number;
  sweep: string | null;
  combinations: Combination[];
  files: { root: string; files: number; size_bytes: number; left_out: string[] } | null;
}

export interface Launched {
  sweep: string | null;
  runs: Run[];
}

/** What a run was asked for; only what a launch file can say again. */
export type Spec = Record<string, unknown> & {
  dir?: { entry?: string; module?: string; args?: string[] };
  notebook?: { name?: string; parameters?: Record<string, unknown> };
  data?: { name: string; path?: string }[];
};
