import './panel.css';
import './models.css';
