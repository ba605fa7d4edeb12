/** The model registry as the server tells of it: see docs/http.md. */
import type { Measured, Run } from '../server/types';

export interface ModelSummary {
  name: string;
  type: string;
  framework: string;
  latest: number;
  /** Of the newest version. */
  status: 'ready' | 'archived';
  aliases: Record<string, number>;
  metrics: Record<string, Measured>;
  versions: number;
  updated_at: number;
}

export interface ModelFile {
  path: string;
  digest: string;
  size_bytes: number;
  executable: boolean;
}

export interface ModelVersion {
  name: string;
  version: number;
  aliases: string[];
  type: string;
  framework: string;
  status: 'ready' | 'archived';
  description: string;
  metrics: Record<string, Measured>;
  tags: string[];
  parameters: Record<string, string>;
  run_id: string | null;
  run_name: string | null;
  size_bytes: number;
  file_count: number;
  created_at: number;
  /** Only where one version is asked for. */
  files?: ModelFile[] | null;
}

export interface Model extends Omit<ModelSummary, 'versions'> {
  versions: ModelVersion[];
}

export interface Difference {
  name: string;
  a: number | string | null;
  b: number | string | null;
}

export interface Comparison {
  a: ModelVersion;
  b: ModelVersion;
  metrics: Difference[];
  facts: Difference[];
  parameters: Difference[];
  files: Difference[];
}

export interface NewVersion {
  name: string;
  run: string;
  path: string;
  type: string;
  framework: string;
  alias: string | null;
}

export interface RunFiles {
  run: Run;
  paths: string[];
}
