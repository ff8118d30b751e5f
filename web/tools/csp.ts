import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const viewer = join(dirname(fileURLToPath(import.meta.url)), '../node_modules/@google/model-viewer/lib');

/// The style elements that <model-viewer> puts into its shadow root, as the browser will see them.
///
/// They are the only inline styles of the whole page, so the policy names them by hash. The hash moves with the
/// package's version, which is why it is computed from what is installed and never written down.
function viewer_styles(): string[] {
  const styles: string[] = [];
  for (const file of readdirSync(viewer).filter((name) => name.endsWith('.js'))) {
    for (const match of readFileSync(join(viewer, file), 'utf8').matchAll(/<style>([\s\S]*?)<\/style>/g)) {
      const text = match[1] ?? '';
      if (text.includes('${') || text.includes('\\')) {
        throw new Error(`${file}: this style holds an expression or an escape, so its hash cannot be read from the source`);
      }
      styles.push(text);
    }
  }
  if (styles.length === 0) throw new Error('model-viewer holds no <style>: the policy needs another look');
  return styles;
}

/// The Content-Security-Policy the server must send with the page.
export function policy(styles: string[]): string {
  const hashes = styles.map((text) => `'sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}'`);
  return [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    `style-src 'self' ${hashes.join(' ')}`,
    "img-src 'self' blob: data:",
    "connect-src 'self' blob:",
    "base-uri 'none'",
    "object-src 'none'",
    "frame-ancestors 'none'",
    "form-action 'self'",
    "require-trusted-types-for 'script'",
  ].join('; ');
}

/// Writes dist/csp.txt, one line, and refuses a build whose page the policy would break.
export function csp_file(): Plugin {
  return {
    name: 'csp-file',
    apply: 'build',
    generateBundle(_options, bundle) {
      const styles = viewer_styles();
      const chunks = Object.values(bundle);
      for (const text of styles) {
        const shipped = chunks.some((part) => part.type === 'chunk' && part.code.includes(text));
        if (!shipped) this.error('a style of model-viewer was changed on the way into the bundle: its hash would not match');
      }
      for (const part of chunks) {
        if (part.type !== 'asset' || !part.fileName.endsWith('.html')) continue;
        const html = part.source.toString();
        if (/<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=/i.test(html)) this.error(`${part.fileName} holds inline code or style`);
      }
      this.emitFile({ type: 'asset', fileName: 'csp.txt', source: policy(styles) + '\n' });
    },
  };
}
