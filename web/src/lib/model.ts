// What the page thinks in. The wire's shapes end here: each `*_of` takes what the server sent, however much of it is
// missing, and answers something whole. Nothing is made up: what is unknown stays null.
import type { Data, Loose } from './api';

export type Quality = 'low' | 'medium' | 'high';
export type ItemStatus = 'queued' | 'dispatched' | 'running' | 'unsure' | 'succeeded' | 'failed' | 'cancelled';
export type JobStatus = 'queued' | 'running' | 'succeeded' | 'partial' | 'failed' | 'cancelled';

export interface Item {
  item_id: string;
  file_name: string;
  status: ItemStatus;
  stage: string | null;
  /// 0 to 1, or null where the server does not say.
  progress: number | null;
  error: { code: string; message: string } | null;
}

export interface JobHead {
  job_id: string;
  status: JobStatus;
  quality: Quality | null;
  progress: number | null;
  credits: { held: number; settled: number; released: number };
  created_at: string | null;
  finished_at: string | null;
}

export interface Job extends JobHead {
  items: Item[];
}

export interface Preset {
  quality: Quality;
  triangles_max: number;
  credits: number;
}

export interface Limits {
  files_max: number;
  file_bytes_max: number;
  media_types: string[];
  /// Width times height; 0 where no limit is known.
  picture_px_max: number;
  /// Width or height; 0 where no limit is known.
  picture_side_px_max: number;
}

export interface Catalogue {
  presets: Preset[];
  limits: Limits;
}

export interface Balance {
  balance: number;
  held: number;
  available: number;
}

export interface User {
  id: string;
  email: string;
  name: string;
  role: string;
  company: { id: string; name: string };
}

export interface ModelFile {
  item_id: string;
  file_name: string;
  url: string;
  size: number;
  sha256: string | null;
  triangles: number | null;
  expires_at: string | null;
}

export interface Rejected {
  file_name: string;
  code: string;
  message: string;
}

export interface Batch {
  job_id: string;
  items: { item_id: string; file_name: string; credits: number }[];
  rejected: Rejected[];
  credits_held: number;
}

const item_statuses: readonly string[] = ['queued', 'dispatched', 'running', 'unsure', 'succeeded', 'failed', 'cancelled'];
const job_statuses: readonly string[] = ['queued', 'running', 'succeeded', 'partial', 'failed', 'cancelled'];
const qualities: readonly string[] = ['low', 'medium', 'high'];

export const item_is_over = (status: ItemStatus): boolean => ['succeeded', 'failed', 'cancelled'].includes(status);
export const job_is_over = (status: JobStatus): boolean => !['queued', 'running'].includes(status);

export function item_of(wire: Loose<Data<'get_job_status'>['items'][number]>): Item {
  const status: string = wire.status ?? 'queued';
  return {
    item_id: wire.item_id ?? '',
    file_name: wire.file_name ?? '',
    // A status this page does not know yet is work that is not over.
    status: item_statuses.includes(status) ? (status as ItemStatus) : 'running',
    stage: wire.stage || null,
    progress: share_of(wire.progress),
    error: wire.error ? { code: wire.error.code ?? '', message: wire.error.message ?? '' } : null,
  };
}

export function head_of(wire: Loose<Data<'get_job_status'>>): JobHead {
  const status: string = wire.status ?? 'queued';
  return {
    job_id: wire.job_id ?? '',
    status: job_statuses.includes(status) ? (status as JobStatus) : 'running',
    quality: qualities.includes(wire.quality ?? '') ? (wire.quality as Quality) : null,
    progress: share_of(wire.progress),
    credits: {
      held: wire.credits?.held ?? 0,
      settled: wire.credits?.settled ?? 0,
      released: wire.credits?.released ?? 0,
    },
    created_at: wire.created_at ?? null,
    finished_at: wire.finished_at ?? null,
  };
}

export function job_of(wire: Loose<Data<'get_job_status'>>): Job {
  return { ...head_of(wire), items: (wire.items ?? []).map((item) => item_of(item ?? {})) };
}

export function catalogue_of(wire: Loose<Data<'list_presets'>>): Catalogue {
  const presets = (wire.presets ?? [])
    .map((preset) => ({
      quality: (preset?.quality ?? '') as Quality,
      triangles_max: preset?.triangles_max ?? 0,
      credits: preset?.credits ?? 0,
    }))
    .filter((preset) => qualities.includes(preset.quality))
    .sort((a, b) => qualities.indexOf(a.quality) - qualities.indexOf(b.quality));
  return {
    presets,
    limits: {
      files_max: wire.limits?.files_max ?? 25,
      file_bytes_max: wire.limits?.file_bytes_max ?? 10_485_760,
      media_types: (wire.limits?.media_types ?? ['image/png', 'image/jpeg', 'image/webp']).filter((type) => type != null),
      picture_px_max: wire.limits?.picture_px_max ?? 0,
      picture_side_px_max: wire.limits?.picture_side_px_max ?? 0,
    },
  };
}

export function balance_of(wire: Loose<Data<'get_balance'>>): Balance {
  return { balance: wire.balance ?? 0, held: wire.held ?? 0, available: wire.available ?? 0 };
}

export function user_of(wire: Loose<Data<'login'>['user']>): User {
  return {
    id: wire.id ?? '',
    email: wire.email ?? '',
    name: wire.name ?? wire.email ?? '',
    role: wire.role ?? '',
    company: { id: wire.company?.id ?? '', name: wire.company?.name ?? '' },
  };
}

export function batch_of(wire: Loose<Data<'create_batch'>>): Batch {
  return {
    job_id: wire.job_id ?? '',
    items: (wire.items ?? []).map((item) => ({
      item_id: item?.item_id ?? '',
      file_name: item?.file_name ?? '',
      credits: item?.credits ?? 0,
    })),
    rejected: (wire.rejected ?? []).map((file) => ({
      file_name: file?.file_name ?? '',
      code: file?.code ?? '',
      message: file?.message ?? '',
    })),
    credits_held: wire.credits_held ?? 0,
  };
}

export function files_of(wire: Loose<Data<'list_job_files'>>): ModelFile[] {
  return (wire.files ?? []).map((file) => ({
    item_id: file?.item_id ?? '',
    file_name: file?.file_name ?? '',
    url: file?.url ?? '',
    size: file?.size ?? 0,
    sha256: file?.sha256 || null,
    triangles: file?.triangles ?? null,
    expires_at: file?.expires_at ?? null,
  }));
}

function share_of(value: number | null | undefined): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? Math.min(1, Math.max(0, value)) : null;
}
