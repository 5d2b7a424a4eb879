// Makes the bitmaps of the icon from public/icon.svg: `node scripts/icons.mjs`. The results are committed; run it after changing the SVG.
import { readFile } from 'node:fs/promises'
import sharp from 'sharp'

const svg = await readFile(new URL('../public/icon.svg', import.meta.url))
const out = (name) => new URL(`../public/${name}`, import.meta.url).pathname

// Rounded by the system where it rounds icons: then the ground must reach the edges, and the picture keep to the safe zone of 80 %.
const square = Buffer.from(svg.toString().replace('rx="14"', 'rx="0"'))
const padded = async (size, inner) => {
  const picture = await sharp(Buffer.from(square), { density: 600 }).resize(inner, inner).png().toBuffer()
  const margin = (size - inner) / 2
  return sharp(picture).extend({ top: margin, bottom: margin, left: margin, right: margin, extendWith: 'copy' }).png()
}

await sharp(svg, { density: 600 }).resize(192, 192).png().toFile(out('icon-192.png'))
await sharp(svg, { density: 600 }).resize(512, 512).png().toFile(out('icon-512.png'))
await (await padded(512, 416)).toFile(out('icon-maskable-512.png'))
await sharp(square, { density: 600 }).resize(180, 180).png().toFile(out('apple-touch-icon.png'))
