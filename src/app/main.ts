import { connectHub } from 'headwater'
import './elements/app-shell.ts'
import { applyTheme, readTheme } from './lib/theme.ts'

applyTheme(readTheme())

const app = document.createElement('hw-app')
// The service worker answers it (sw/routes.ts).
app.hub = connectHub({ notify: '/headwater-ended' })
app.offline = import.meta.env.PROD
document.body.append(app)
