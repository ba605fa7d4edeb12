import './panel.css';
import './overview.css';
