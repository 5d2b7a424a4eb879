import { connectHub } from 'headwater'

const channel = connectHub().channel('outsider')
const status = document.querySelector('#status')
const text = document.querySelector('#text')

channel.subscribe(() => {
  if (status) status.textContent = channel.status
  if (text) text.textContent = channel.text
})
await channel.open('/s/outsider')
